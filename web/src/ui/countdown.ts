import { useEffect, useState } from 'preact/hooks';

const SECOND = 1000;

/** The seconds until then, counted down; 0 when it is over. @param until by `Date.now()` */
export function useCountdown(until: number): number {
  const seconds = () => Math.max(0, Math.ceil((until - Date.now()) / SECOND));
  const [, draw] = useState(0);
  useEffect(() => {
    if (seconds() === 0) return;
    const timer = setInterval(() => {
      draw((before) => before + 1);
      if (seconds() === 0) clearInterval(timer);
    }, SECOND);
    return () => clearInterval(timer);
  }, [until]);
  return seconds();
}

/** `42 s` or `3:07 min`. */
export function spanText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} min`;
}

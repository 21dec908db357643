import type { Observable } from '@chat-api/client';
import { useLayoutEffect, useState } from 'preact/hooks';

/** The present state of something that changes. Changes of one frame are drawn once. */
export function useObservable<State>(observable: Observable<State>): State {
  const [, draw] = useState({});
  useLayoutEffect(() => {
    let cancel: (() => void) | undefined;
    let drawn = observable.get();
    const show = () => {
      cancel = undefined;
      if (observable.get() === drawn) return;
      drawn = observable.get();
      draw({});
    };
    const stop = observable.subscribe(() => {
      cancel ??= nextFrame(show);
    });
    show();
    return () => {
      stop();
      cancel?.();
    };
  }, [observable]);
  return observable.get();
}

/** Of a page that nobody sees, no frame is drawn. */
function nextFrame(callback: () => void): () => void {
  if (document.hidden) {
    const timer = setTimeout(callback, 100);
    return () => clearTimeout(timer);
  }
  // A page that is hidden meanwhile draws no frame either.
  const timer = setTimeout(() => run(), 200);
  const frame = requestAnimationFrame(() => run());
  const stop = () => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
  };
  const run = () => {
    stop();
    callback();
  };
  return stop;
}

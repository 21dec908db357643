import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

/**
 * Keeps the focus in a list of which an item with the focus is taken away: it goes to the list. Otherwise the keyboard would begin anew
 * at the top of the page, and a screen reader would fall silent.
 */
export function useKeptFocus(list: RefObject<HTMLElement | null>, items: unknown): void {
  const isInside = useRef(false);
  useEffect(() => {
    const look = ({ target }: Event) => {
      isInside.current = target instanceof Node && list.current?.contains(target) === true;
    };
    document.addEventListener('focusin', look);
    document.addEventListener('pointerdown', look);
    return () => {
      document.removeEventListener('focusin', look);
      document.removeEventListener('pointerdown', look);
    };
  }, []);
  useLayoutEffect(() => {
    if (isInside.current && document.activeElement === document.body) list.current?.focus();
  }, [items]);
}

import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

interface PopupProps {
  label: string;
  role: 'menu' | 'dialog' | 'group';
  /** Where it opens, and where the focus returns to. */
  anchor: RefObject<HTMLElement | null>;
  onClose: () => void;
  children: ComponentChildren;
}

const GAP = 4;
const ITEMS = 'button:not([disabled]), input';

/** A small window beside what has opened it. Arrows move in it; Escape, or the focus elsewhere, closes it. */
export function Popup({ label, role, anchor, onClose, children }: PopupProps) {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => place(element.current, anchor.current));
  useEffect(() => {
    const opener = anchor.current?.querySelector<HTMLElement>('button') ?? anchor.current;
    element.current?.querySelector<HTMLElement>(ITEMS)?.focus();
    return () => {
      if (document.activeElement === document.body) opener?.focus();
    };
  }, []);
  useEffect(() => {
    const outside = ({ target }: Event) => {
      if (target instanceof Node && !element.current?.contains(target) && !anchor.current?.contains(target)) onClose();
    };
    const onScroll = ({ target }: Event) => {
      if (target instanceof Node && target.contains(anchor.current)) onClose();
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    document.addEventListener('wheel', onScroll, { passive: true });
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
      document.removeEventListener('wheel', onScroll);
    };
  }, [onClose]);

  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    const items: Element[] = [...(element.current?.querySelectorAll(ITEMS) ?? [])];
    const at = document.activeElement ? items.indexOf(document.activeElement) : -1;
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (event.key === 'Escape') {
      onClose();
      (anchor.current?.querySelector<HTMLElement>('button') ?? anchor.current)?.focus();
    } else if (step !== undefined) {
      const next = items[(at + step + items.length) % items.length];
      if (next instanceof HTMLElement) next.focus();
    } else return;
    event.preventDefault();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it has a role, and the keys are those of its items
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: each of its roles has a label
    <div ref={element} class="popup" role={role} aria-label={label} tabIndex={-1} onKeyDown={onKeyDown}>
      {children}
    </div>
  );
}

/** Below its anchor and in line with its right edge, or above where there is no room; always inside the window. */
function place(popup: HTMLElement | null, anchor: HTMLElement | null): void {
  if (!popup || !anchor) return;
  const beside = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popup;
  const below = beside.bottom + GAP + height <= innerHeight;
  const top = below ? beside.bottom + GAP : beside.top - GAP - height;
  popup.style.top = `${Math.max(GAP, top)}px`;
  popup.style.left = `${Math.max(GAP, Math.min(beside.right - width, innerWidth - width - GAP))}px`;
}

import type { ComponentChildren } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks';
import { IconButton } from '../ui/icons.js';
import { go } from '../ui/navigation.js';
import type { PanelName } from '../ui/routes.js';
import { useRoomTools } from './room-context.js';

interface SidePanelProps {
  title: string;
  /** The panel that it was opened from, for a way back. */
  back?: PanelName;
  children: ComponentChildren;
}

/** What stands beside a conversation, or over it where there is no room for both. */
export function SidePanel({ title, back, children }: SidePanelProps) {
  const { room } = useRoomTools();
  const id = useId();
  const panel = useRef<HTMLElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    const opener = document.activeElement;
    return () => {
      if (!panel.current?.contains(document.activeElement)) return;
      // Whoever closes it by the keyboard goes on where they were.
      const isThere = opener?.isConnected && opener !== document.body;
      const next = isThere ? opener : document.getElementById('main');
      if (next instanceof HTMLElement) next.focus();
    };
  }, []);
  useEffect(() => heading.current?.focus(), [title]);
  const close = () => go({ view: 'chat', chatId: room.id });
  return (
    <aside
      class="panel"
      ref={panel}
      aria-labelledby={id}
      onKeyDown={(event) => {
        if (event.key === 'Escape') close();
      }}
    >
      <header class="bar">
        {back && (
          <IconButton
            icon="back"
            label="Back"
            onClick={() => go({ view: 'chat', chatId: room.id, panel: { name: back } })}
          />
        )}
        <h2 id={id} ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <IconButton icon="close" label={`Close: ${title}`} onClick={close} />
      </header>
      {children}
    </aside>
  );
}

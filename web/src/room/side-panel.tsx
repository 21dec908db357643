import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { IconButton } from '../ui/icons.js';
import { go } from '../ui/routes.js';
import { useRoomTools } from './room-context.js';

/** What stands beside a conversation, or over it where there is no room for both. */
export function SidePanel({ title, children }: { title: string; children: ComponentChildren }) {
  const { room } = useRoomTools();
  const id = useId();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [title]);
  const close = () => go({ view: 'chat', chatId: room.id });
  return (
    <aside
      class="panel"
      aria-labelledby={id}
      onKeyDown={(event) => {
        if (event.key === 'Escape') close();
      }}
    >
      <header class="bar">
        <h2 id={id} ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <IconButton icon="close" label={`Close: ${title}`} onClick={close} />
      </header>
      {children}
    </aside>
  );
}

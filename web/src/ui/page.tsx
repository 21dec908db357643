import type { ComponentChildren } from 'preact';
import { IconButton } from './icons.js';
import { go } from './navigation.js';

interface PageProps {
  title: string;
  action?: ComponentChildren;
  children: ComponentChildren;
}

/** A view beside the list of chats that is no conversation. */
export function Page({ title, action, children }: PageProps) {
  return (
    <main id="main" class="page" tabIndex={-1}>
      <header class="bar room-bar">
        <span class="only-narrow">
          <IconButton icon="back" label="Back to the chats" onClick={() => go({ view: 'home' })} />
        </span>
        <h1 class="room-title">{title}</h1>
        {action}
      </header>
      <div class="page-body">{children}</div>
    </main>
  );
}

import type { ComponentChildren } from 'preact';
import { IconButton } from '../ui/icons.js';
import { go } from '../ui/routes.js';

interface AdminPageProps {
  title: string;
  action: ComponentChildren;
  children: ComponentChildren;
}

export function AdminPage({ title, action, children }: AdminPageProps) {
  return (
    <main id="main" class="admin" tabIndex={-1}>
      <header class="bar room-bar">
        <span class="only-narrow">
          <IconButton icon="back" label="Back to the chats" onClick={() => go({ view: 'home' })} />
        </span>
        <h1 class="room-title">{title}</h1>
        {action}
      </header>
      <div class="admin-body">{children}</div>
    </main>
  );
}

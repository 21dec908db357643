import type { InboxItem, InboxState } from '@chat-api/client';
import { useMemo, useState } from 'preact/hooks';
import { AccountMenu } from '../session/account-menu.js';
import { chat } from '../session/session.js';
import { useViewer } from '../session/viewer.js';
import { Avatar, GroupAvatar } from '../ui/avatar.js';
import { Icon, type IconName } from '../ui/icons.js';
import { Lazy } from '../ui/lazy.js';
import { attempt } from '../ui/problems.js';
import { addressOf, type PageName, type Route } from '../ui/routes.js';
import { shortTime } from '../ui/times.js';
import { chatTitle } from './chat-title.js';
import { useWatchedPresence } from './presence.js';

const ADMIN_LINKS: readonly (readonly [view: PageName, icon: IconName, name: string])[] = [
  ['chats', 'chats', 'All chats'],
  ['people', 'people', 'People'],
  ['reports', 'flag', 'Reports'],
];

const loadInvitationsLink = async () => (await import('../invitations/invitations-link.js')).InvitationsLink;

/** From so many chats on one may look for one by its name. */
const SEARCHED_FROM = 8;

export function ChatList({ inbox, route }: { inbox: InboxState; route: Route }) {
  const [sought, setSought] = useState('');
  const isAdmin = useViewer()?.role === 'admin';
  const peers = useMemo(() => inbox.items.flatMap(({ peer }) => (peer ? [peer.id] : [])), [inbox.items]);
  useWatchedPresence(peers);
  const wanted = sought.trim().toLowerCase();
  const shown = inbox.items.filter((item) => chatTitle(item).toLowerCase().includes(wanted));
  return (
    <nav class="sidebar" aria-label="Chats">
      <header class="bar">
        <h1>Chats</h1>
        <a
          class="icon-button"
          href={addressOf({ view: 'discover' })}
          aria-label="Find chats"
          title="Find chats"
          aria-current={route.view === 'discover' ? 'page' : undefined}
        >
          <Icon name="find" />
        </a>
        <AccountMenu />
      </header>
      {inbox.items.length >= SEARCHED_FROM && (
        <input
          class="search"
          type="search"
          aria-label="Find a chat"
          placeholder="Find a chat"
          value={sought}
          onInput={({ currentTarget }) => setSought(currentTarget.value)}
        />
      )}
      <Lazy load={loadInvitationsLink} props={{ isOpen: route.view === 'invitations' }} />
      <ul class="chats" aria-busy={inbox.status === 'loading'}>
        {shown.map((item) => (
          <Item
            key={item.chat.id}
            item={item}
            isOpen={route.view === 'chat' && route.chatId === item.chat.id}
            status={item.peer ? inbox.presence[item.peer.id]?.status : undefined}
            me={inbox.me?.id}
          />
        ))}
      </ul>
      {inbox.status === 'ready' && shown.length === 0 && (
        <p class="quiet empty">{wanted === '' ? 'No chats yet.' : 'No chat has this name.'}</p>
      )}
      {inbox.hasMore && (
        <button type="button" class="link" onClick={() => void attempt(() => chat.inbox().loadMore())}>
          More chats
        </button>
      )}
      {isAdmin && (
        <div class="admin-links">
          {ADMIN_LINKS.map(([view, icon, name]) => (
            <a key={view} href={addressOf({ view })} aria-current={route.view === view ? 'page' : undefined}>
              <Icon name={icon} />
              {name}
            </a>
          ))}
        </div>
      )}
    </nav>
  );
}

interface ItemProps {
  item: InboxItem;
  isOpen: boolean;
  status: InboxState['presence'][string]['status'] | undefined;
  me: string | undefined;
}

function Item({ item, isOpen, status, me }: ItemProps) {
  const { unread } = item.state;
  const title = chatTitle(item);
  const isUnread = unread.messages + unread.mentions + unread.threads > 0;
  return (
    <li>
      <a
        class={`chat-item ${isUnread ? 'unread' : ''}`}
        href={addressOf({ view: 'chat', chatId: item.chat.id })}
        aria-current={isOpen ? 'page' : undefined}
      >
        {item.peer ? <Avatar user={item.peer} status={status} /> : <GroupAvatar name={title} />}
        <span class="chat-item-text">
          <span class="chat-item-head">
            <span class="name">{title}</span>
            <span class="time">{shortTime(item.activeAt)}</span>
          </span>
          <span class="chat-item-foot">
            <span class="preview">{previewOf(item, me)}</span>
            <Counts item={item} />
          </span>
        </span>
      </a>
    </li>
  );
}

function previewOf({ lastMessage, peer }: InboxItem, me: string | undefined): string {
  if (!lastMessage) return 'No messages yet';
  const { sender, content } = lastMessage;
  if (sender.id === me) return `You: ${content}`;
  return peer ? content : `${sender.username}: ${content}`;
}

function Counts({ item }: { item: InboxItem }) {
  const { messages, capped, mentions, threads } = item.state.unread;
  return (
    <span class="counts">
      {mentions > 0 && (
        <span class="count mention">
          <span aria-hidden="true">@{mentions}</span>
          <span class="unseen">{mentions === 1 ? '1 mention' : `${mentions} mentions`}</span>
        </span>
      )}
      {messages > 0 && (
        <span class={`count ${item.state.notify === 'none' ? 'silent' : ''}`}>
          <span aria-hidden="true">{capped ? `${messages}+` : messages}</span>
          <span class="unseen">{messages === 1 ? '1 unread message' : `${messages} unread messages`}</span>
        </span>
      )}
      {messages === 0 && threads > 0 && (
        <span class="count silent">
          <Icon name="thread" />
          <span class="unseen">unread replies in threads</span>
        </span>
      )}
    </span>
  );
}

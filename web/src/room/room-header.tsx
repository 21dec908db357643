import type { Schema } from '@chat-api/client';
import { chatTitle } from '../chats/chat-title.js';
import { chat as client } from '../session/session.js';
import { IconButton } from '../ui/icons.js';
import { go } from '../ui/navigation.js';
import { useObservable } from '../ui/observe.js';
import type { Panel, PanelName } from '../ui/routes.js';
import { useRoomTools } from './room-context.js';

/** Who may do one of these has something to set. */
const CHANGES: readonly Schema.ChatAction[] = ['rename', 'settings', 'slowMode', 'archive', 'deleteChat'];

export function RoomHeader({ panel }: { panel: Panel | undefined }) {
  const { room, state } = useRoomTools();
  const { presence } = useObservable(client.inbox());
  const { chat, members, me, hasMoreMembers, viewerCan } = state;
  const peer = chat?.kind === 'direct' ? (members.find(({ user }) => user.id !== me?.id)?.user ?? null) : null;
  const online = members.filter(({ user }) => user.id !== me?.id && presence[user.id]?.status === 'online').length;
  const toggle = (name: PanelName) =>
    go({ view: 'chat', chatId: room.id, panel: panel?.name === name ? undefined : { name } });
  const count = `${members.length}${hasMoreMembers ? '+' : ''} ${members.length === 1 ? 'member' : 'members'}`;
  return (
    <header class="bar room-bar">
      <span class="only-narrow">
        <IconButton icon="back" label="Back to the chats" onClick={() => go({ view: 'home' })} />
      </span>
      <div class="room-title">
        <h1>{chat ? chatTitle({ chat, peer }) : 'Chat'}</h1>
        {chat && (
          <p class="quiet">
            {peer ? (presence[peer.id]?.status ?? 'offline') : `${count}${online > 0 ? `, ${online} online` : ''}`}
            {chat.topic !== '' && ` · ${chat.topic}`}
          </p>
        )}
      </div>
      <IconButton icon="pin" label="Pinned messages" pressed={panel?.name === 'pins'} onClick={() => toggle('pins')} />
      {chat?.kind === 'group' && viewerCan.some((action) => CHANGES.includes(action)) && (
        <IconButton
          icon="settings"
          label="Settings of the chat"
          pressed={panel?.name === 'settings'}
          onClick={() => toggle('settings')}
        />
      )}
      {viewerCan.includes('readReports') && (
        <IconButton icon="flag" label="Reports" pressed={panel?.name === 'reports'} onClick={() => toggle('reports')} />
      )}
      <IconButton icon="people" label="Members" pressed={panel?.name === 'members'} onClick={() => toggle('members')} />
    </header>
  );
}

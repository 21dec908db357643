import { chatTitle } from '../chats/chat-title.js';
import { chat as client } from '../session/session.js';
import { IconButton } from '../ui/icons.js';
import { useObservable } from '../ui/observe.js';
import { go, type Panel } from '../ui/routes.js';
import { useRoomTools } from './room-context.js';

export function RoomHeader({ panel }: { panel: Panel | undefined }) {
  const { room, state } = useRoomTools();
  const { presence } = useObservable(client.inbox());
  const { chat, members, me, hasMoreMembers } = state;
  const peer = chat?.kind === 'direct' ? (members.find(({ user }) => user.id !== me?.id)?.user ?? null) : null;
  const online = members.filter(({ user }) => user.id !== me?.id && presence[user.id]?.status === 'online').length;
  const toggle = (name: 'members' | 'pins') =>
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
          </p>
        )}
      </div>
      <IconButton icon="pin" label="Pinned messages" pressed={panel?.name === 'pins'} onClick={() => toggle('pins')} />
      <IconButton icon="people" label="Members" pressed={panel?.name === 'members'} onClick={() => toggle('members')} />
    </header>
  );
}

import type { Schema } from '@chat-api/client';
import { addMember } from '@chat-api/client/moderation';
import { useRef, useState } from 'preact/hooks';
import { PersonPicker } from '../people/person-picker.js';
import { chat as client } from '../session/session.js';
import { useViewer } from '../session/viewer.js';
import { Icon } from '../ui/icons.js';
import { useKeptFocus } from '../ui/kept-focus.js';
import { attempt } from '../ui/problems.js';
import { addressOf } from '../ui/routes.js';
import { Preference } from '../ui/setting.js';
import { DirectPeer } from './direct-peer.js';
import { LeaveChat } from './leave-chat.js';
import { MemberItem } from './member-item.js';
import { useRoomTools } from './room-context.js';
import { SidePanel } from './side-panel.js';

/** Who is in a chat, what one may do with them, and how the chat is to oneself. */
export function MembersPanel() {
  const { room, state } = useRoomTools();
  const { members, hasMoreMembers, chat, me, viewerCan } = state;
  const isAdmin = useViewer()?.role === 'admin';
  const [isAdding, setAdding] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  useKeptFocus(list, members);
  const isMember = new Set(members.map(({ user }) => user.id));
  const isGroup = chat?.kind === 'group';
  return (
    <SidePanel title="Members">
      <div class="panel-body">
        {isGroup && (isAdmin || viewerCan.includes('invite')) && (
          <div class="buttons">
            {isAdmin && (
              <button type="button" class="primary" onClick={() => setAdding(true)}>
                <Icon name="add" />
                Add somebody
              </button>
            )}
            {viewerCan.includes('invite') && (
              <a
                class={isAdmin ? 'secondary' : 'primary'}
                href={addressOf({ view: 'chat', chatId: room.id, panel: { name: 'invite' } })}
              >
                <Icon name="invite" />
                Invite people
              </a>
            )}
          </div>
        )}
        <Preferences />
        {isAdding && (
          <PersonPicker
            title={`Add to ${chat?.name}`}
            excluded={isMember}
            onClose={() => setAdding(false)}
            onPick={({ id }) => addMember(client, room.id, id)}
          />
        )}
        <ul class="people" aria-label="Members" ref={list} tabIndex={-1}>
          {members.map((member) => (
            <MemberItem key={member.user.id} member={member} isMe={member.user.id === me?.id} />
          ))}
        </ul>
        {hasMoreMembers && (
          <button type="button" class="link" onClick={() => void attempt(() => room.loadMembers())}>
            More members
          </button>
        )}
        {isGroup && viewerCan.includes('ban') && (
          <a class="link" href={addressOf({ view: 'chat', chatId: room.id, panel: { name: 'bans' } })}>
            <Icon name="block" />
            Who is banned
          </a>
        )}
        {chat?.kind === 'direct' && <DirectPeer />}
        {viewerCan.includes('leave') && <LeaveChat />}
      </div>
    </SidePanel>
  );
}

const NOTIFY: readonly (readonly [value: Schema.Notify, meaning: string])[] = [
  ['all', 'every message'],
  ['mentions', 'mentions'],
  ['none', 'nothing'],
];

/** How the chat is shown to its viewer. */
function Preferences() {
  const { room, state } = useRoomTools();
  if (!state.viewer) return null;
  return (
    <Preference
      label="Tell me of"
      value={state.viewer.notify}
      options={NOTIFY}
      change={(notify) => void attempt(() => room.setPreferences({ notify }))}
    />
  );
}

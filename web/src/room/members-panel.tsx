import type { Member, Schema } from '@chat-api/client';
import { useState } from 'preact/hooks';
import { PersonPicker } from '../people/person-picker.js';
import { chat as client } from '../session/session.js';
import { useViewer } from '../session/viewer.js';
import { Avatar } from '../ui/avatar.js';
import { Icon } from '../ui/icons.js';
import { useObservable } from '../ui/observe.js';
import { attempt } from '../ui/problems.js';
import { go } from '../ui/routes.js';
import { useRoomTools } from './room-context.js';
import { SidePanel } from './side-panel.js';

const ROLES: readonly Schema.ChatRole[] = ['reader', 'member', 'moderator', 'owner'];
const SET_ROLE =
  'mutation($chatId:ID!,$userId:ID!,$role:ChatRole!){setMemberRole(chatId:$chatId,userId:$userId,role:$role){role}}';
const REMOVE = 'mutation($chatId:ID!,$userId:ID!){removeUserFromChat(chatId:$chatId,userId:$userId)}';
const ADD = 'mutation($chatId:ID!,$userId:ID!){assignUserToChat(chatId:$chatId,userId:$userId){role}}';
const OPEN = 'mutation($userId:ID!){openDirectChat(userId:$userId){id}}';

export function MembersPanel() {
  const { room, state } = useRoomTools();
  const { members, hasMoreMembers, chat, me } = state;
  const isAdmin = useViewer()?.role === 'admin';
  const [isAdding, setAdding] = useState(false);
  const isMember = new Set(members.map(({ user }) => user.id));
  return (
    <SidePanel title="Members">
      <div class="panel-body">
        {isAdmin && chat?.kind === 'group' && (
          <button type="button" class="primary wide" onClick={() => setAdding(true)}>
            <Icon name="add" />
            Add somebody
          </button>
        )}
        <Preferences />
        {isAdding && (
          <PersonPicker
            title={`Add to ${chat?.name}`}
            excluded={isMember}
            onClose={() => setAdding(false)}
            onPick={({ id }) => client.request(ADD, { chatId: room.id, userId: id })}
          />
        )}
        <ul class="people">
          {members.map((member) => (
            <MemberItem key={member.user.id} member={member} isMe={member.user.id === me?.id} />
          ))}
        </ul>
        {hasMoreMembers && (
          <button type="button" class="link" onClick={() => void attempt(() => room.loadMembers())}>
            More members
          </button>
        )}
      </div>
    </SidePanel>
  );
}

function MemberItem({ member, isMe }: { member: Member; isMe: boolean }) {
  const { room, state } = useRoomTools();
  const { presence } = useObservable(client.inbox());
  const isAdmin = useViewer()?.role === 'admin';
  const { user, role } = member;
  const { chat, viewerCan, viewer } = state;
  const ids = { chatId: room.id, userId: user.id };
  const isGroup = chat?.kind === 'group';
  const mayRemove = viewerCan.includes('remove') && !isMe && (isAdmin || isBelow(role, viewer?.role));
  const mayChange = viewerCan.includes('roles');
  const write = async () => {
    const { openDirectChat } = await client.request<{ openDirectChat: { id: string } }>(OPEN, { userId: user.id });
    go({ view: 'chat', chatId: openDirectChat.id });
  };
  return (
    <li class="person">
      <Avatar user={user} status={presence[user.id]?.status} />
      <span class="person-text">
        <span class="name">
          {user.username}
          {isMe && <span class="quiet"> (you)</span>}
        </span>
        {isGroup && !mayChange && <span class="quiet">{role}</span>}
        {isGroup && mayChange && (
          <select
            aria-label={`Role of ${user.username}`}
            value={role}
            onChange={({ currentTarget }) => {
              const chosen = currentTarget.value;
              // It shows what is so, until that has changed.
              currentTarget.value = role;
              void attempt(() => client.request(SET_ROLE, { ...ids, role: chosen }));
            }}
          >
            {ROLES.map((choice) => (
              <option key={choice} value={choice}>
                {choice}
              </option>
            ))}
          </select>
        )}
      </span>
      {isGroup && !isMe && (
        <button type="button" class="link" onClick={() => void attempt(write)} aria-label={`Write to ${user.username}`}>
          Write
        </button>
      )}
      {mayRemove && (
        <button
          type="button"
          class="link danger"
          aria-label={`Remove ${user.username}`}
          onClick={() => void attempt(() => client.request(REMOVE, ids))}
        >
          Remove
        </button>
      )}
    </li>
  );
}

function isBelow(role: Schema.ChatRole, own: Schema.ChatRole | undefined): boolean {
  return own !== undefined && ROLES.indexOf(role) < ROLES.indexOf(own);
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
  const { notify } = state.viewer;
  return (
    <label class="preference">
      Tell me of
      <select
        value={notify}
        onChange={({ currentTarget }) => {
          const chosen = NOTIFY.find(([value]) => value === currentTarget.value)?.[0];
          currentTarget.value = notify;
          if (chosen) void attempt(() => room.setPreferences({ notify: chosen }));
        }}
      >
        {NOTIFY.map(([value, meaning]) => (
          <option key={value} value={value}>
            {meaning}
          </option>
        ))}
      </select>
    </label>
  );
}

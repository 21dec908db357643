import type { Member, Schema } from '@chat-api/client';
import { openDirectChat } from '@chat-api/client/chats';
import { removeMember, setRole, unmute } from '@chat-api/client/moderation';
import { useRef, useState } from 'preact/hooks';
import { BanDialog } from '../moderation/ban-dialog.js';
import { MuteDialog } from '../moderation/mute-dialog.js';
import { chat as client } from '../session/session.js';
import { useViewer } from '../session/viewer.js';
import { Avatar } from '../ui/avatar.js';
import { Icon, IconButton, type IconName } from '../ui/icons.js';
import { go } from '../ui/navigation.js';
import { useObservable } from '../ui/observe.js';
import { Popup } from '../ui/popup.js';
import { attempt } from '../ui/problems.js';
import { Setting } from '../ui/setting.js';
import { untilTime } from '../ui/times.js';
import { useRoomTools } from './room-context.js';

const ROLES: readonly Schema.ChatRole[] = ['reader', 'member', 'moderator', 'owner'];
const ROLE_OPTIONS = ROLES.map((role) => [role, role] as const);

export function MemberItem({ member, isMe }: { member: Member; isMe: boolean }) {
  const { room, state } = useRoomTools();
  const { presence } = useObservable(client.inbox());
  const { user, role, mutedUntil } = member;
  const isGroup = state.chat?.kind === 'group';
  const write = async () => go({ view: 'chat', chatId: (await openDirectChat(client, user.id)).id });
  return (
    <li class="person">
      <Avatar user={user} status={presence[user.id]?.status} />
      <span class="person-text">
        <span class="name">
          {user.username}
          {isMe && <span class="quiet"> (you)</span>}
        </span>
        {isGroup && !state.viewerCan.includes('roles') && <span class="quiet">{role}</span>}
        {isGroup && state.viewerCan.includes('roles') && (
          <Setting
            label={`Role of ${user.username}`}
            value={role}
            options={ROLE_OPTIONS}
            change={(to) => void attempt(() => setRole(client, room.id, user.id, to))}
          />
        )}
        {isGroup && isMuted(mutedUntil) && (
          <span class="state">
            <Icon name="mute" />
            muted {untilTime(mutedUntil)}
          </span>
        )}
      </span>
      {isGroup && !isMe && (
        <button type="button" class="link" onClick={() => void attempt(write)} aria-label={`Write to ${user.username}`}>
          Write
        </button>
      )}
      {isGroup && !isMe && <Moderation member={member} />}
    </li>
  );
}

/** What one may do with a member whose role is lower than one’s own; nothing where one may do nothing. */
function Moderation({ member }: { member: Member }) {
  const { state } = useRoomTools();
  const isAdmin = useViewer()?.role === 'admin';
  const anchor = useRef<HTMLDivElement>(null);
  const [isOpen, setOpen] = useState(false);
  const [dialog, setDialog] = useState<'mute' | 'ban' | undefined>();
  const { viewerCan, viewer, chatId } = state;
  const { user, role, mutedUntil } = member;
  const close = () => setDialog(undefined);
  const item = (icon: IconName, label: string, action: () => void) => (
    <button
      key={label}
      type="button"
      role="menuitem"
      class={icon === 'remove' || icon === 'block' ? 'menu-item danger' : 'menu-item'}
      onClick={() => {
        setOpen(false);
        action();
      }}
    >
      <Icon name={icon} />
      {label}
    </button>
  );
  const isAbove = isAdmin || isBelow(role, viewer?.role);
  const items = [
    viewerCan.includes('mute') &&
      (isMuted(mutedUntil)
        ? item('mute', 'End the mute', () => void attempt(() => unmute(client, chatId, user.id)))
        : item('mute', 'Mute …', () => setDialog('mute'))),
    viewerCan.includes('remove') &&
      item('remove', 'Remove from the chat', () => void attempt(() => removeMember(client, chatId, user.id))),
    viewerCan.includes('ban') && item('block', 'Ban …', () => setDialog('ban')),
  ].filter((offered) => offered !== false);
  if (!isAbove || items.length === 0) return null;
  return (
    <div ref={anchor}>
      <IconButton icon="more" label={`More for ${user.username}`} expanded={isOpen} onClick={() => setOpen(!isOpen)} />
      {isOpen && (
        <Popup label={`More for ${user.username}`} role="menu" anchor={anchor} onClose={() => setOpen(false)}>
          {items}
        </Popup>
      )}
      {dialog === 'mute' && <MuteDialog chatId={chatId} user={user} onClose={close} />}
      {dialog === 'ban' && <BanDialog chatId={chatId} user={user} onClose={close} />}
    </div>
  );
}

function isMuted(until: string | null): boolean {
  return until !== null && Date.parse(until) > Date.now();
}

function isBelow(role: Schema.ChatRole, own: Schema.ChatRole | undefined): boolean {
  return own !== undefined && ROLES.indexOf(role) < ROLES.indexOf(own);
}

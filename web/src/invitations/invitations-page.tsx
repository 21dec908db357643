import { acceptInvitation, declineInvitation, type Invitation } from '@chat-api/client/invitations';
import { useRef } from 'preact/hooks';
import { chat } from '../session/session.js';
import { GroupAvatar } from '../ui/avatar.js';
import { useKeptFocus } from '../ui/kept-focus.js';
import { go } from '../ui/navigation.js';
import { Page } from '../ui/page.js';
import { attempt, textOf } from '../ui/problems.js';
import { untilTime } from '../ui/times.js';
import { useInvitations } from './own.js';

/** The invitations that one has, to be accepted or declined. */
export function InvitationsPage() {
  const { invitations, status, error } = useInvitations();
  const list = useRef<HTMLUListElement>(null);
  useKeptFocus(list, invitations);
  const accept = (id: string) =>
    attempt(async () => go({ view: 'chat', chatId: await acceptInvitation(chat, { id }) }));
  return (
    <Page title="Invitations">
      {status === 'failed' && <p class="alarm">{textOf(error)}</p>}
      <ul
        class="people wide-list"
        aria-label="Your invitations"
        aria-busy={status === 'loading'}
        ref={list}
        tabIndex={-1}
      >
        {invitations.map((invitation) => (
          <li key={invitation.id} class="person with-actions">
            <GroupAvatar name={invitation.chat.name} />
            <Described invitation={invitation} />
            <span class="actions">
              <button
                type="button"
                class="secondary"
                aria-label={`Decline the invitation to ${invitation.chat.name}`}
                onClick={() => void attempt(() => declineInvitation(chat, invitation.id))}
              >
                Decline
              </button>
              <button
                type="button"
                class="primary"
                aria-label={`Accept the invitation to ${invitation.chat.name}`}
                onClick={() => void accept(invitation.id)}
              >
                Accept
              </button>
            </span>
          </li>
        ))}
      </ul>
      {status === 'ready' && invitations.length === 0 && <p class="quiet">You have no open invitation.</p>}
    </Page>
  );
}

function Described({ invitation }: { invitation: Invitation }) {
  const { chat: invited, inviter, role, expiresAt } = invitation;
  const members = invited.memberCount === 1 ? '1 member' : `${invited.memberCount} members`;
  return (
    <span class="person-text">
      <span class="name">{invited.name}</span>
      <span class="quiet">
        {inviter ? `${inviter.username} invites you` : 'You are invited'}
        {role !== 'member' && ` as ${role}`}, {untilTime(expiresAt)}
      </span>
      <span class="quiet">
        {members}
        {invited.topic !== '' && ` · ${invited.topic}`}
      </span>
    </span>
  );
}

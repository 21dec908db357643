import { useEffect, useRef } from 'preact/hooks';
import { announce } from '../ui/announcer.js';
import { Icon } from '../ui/icons.js';
import { addressOf } from '../ui/routes.js';
import { useInvitations } from './own.js';

/** Leads to one's invitations from above the chats, while there are any. */
export function InvitationsLink({ isOpen }: { isOpen: boolean }) {
  const { invitations, status } = useInvitations();
  const { length } = invitations;
  const [newest] = invitations;
  const known = useRef<string | undefined>(undefined);
  useEffect(() => {
    if (status !== 'ready') return;
    const isNews = known.current !== undefined && newest && newest.id > known.current;
    known.current = newest?.id ?? known.current ?? '';
    if (isNews) announce(`You are invited to ${newest.chat.name}`);
  }, [status, newest?.id]);
  if (length === 0 && !isOpen) return null;
  return (
    <a
      class="chat-item invitations-link"
      href={addressOf({ view: 'invitations' })}
      aria-current={isOpen ? 'page' : undefined}
    >
      <span class="avatar group">
        <Icon name="invite" />
      </span>
      <span class="chat-item-text name">Invitations</span>
      {length > 0 && (
        <span class="count">
          <span aria-hidden="true">{length}</span>
          <span class="unseen">{length === 1 ? '1 open invitation' : `${length} open invitations`}</span>
        </span>
      )}
    </a>
  );
}

import { openInvitations } from '@chat-api/client/invitations';
import { chat } from '../session/session.js';
import { useObservable } from '../ui/observe.js';

/** Followed from the first time that they are shown. */
const own = openInvitations(chat);

/** The invitations that one has. */
export const useInvitations = () => useObservable(own);

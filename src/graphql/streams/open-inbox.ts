import type { InboxPosition } from '../../domain/mine/inbox-position.js';
import { requireScope } from '../../domain/viewer.js';
import type { Services } from '../../plugins/services.js';
import type { Caller, SocketCaller } from '../caller.js';
import { InboxIterator } from './inbox-iterator.js';

/** The part of an operation's context that an inbox needs. */
interface InboxContext {
  readonly services: Pick<Services, 'inboxStreams'>;
  readonly caller: Caller;
  readonly socket: SocketCaller | null;
}

/**
 * Opens the viewer's inbox for one subscription. What the viewer may read in it is a matter of memberships, which are events of the
 * inbox; the token's scope, and the chats that it is narrowed to, are checked again when the token changes.
 * @throws DomainError `UNAUTHENTICATED`, `FORBIDDEN`, `CURSOR_RESET`; `RATE_LIMITED`, rule `inbox.streams`
 */
export async function openInbox(
  { services, caller, socket }: InboxContext,
  request: { after: InboxPosition | undefined; maxMissed: number },
): Promise<InboxIterator> {
  const viewer = () => requireScope(caller.viewer, 'read');
  const checkScope = () => {
    try {
      viewer();
      iterator.reachChanged();
    } catch (error) {
      iterator.fail(error);
    }
  };
  const stopListening = socket?.onViewerChange(checkScope) ?? (() => {});
  const iterator = new InboxIterator(stopListening, () => socket?.hasRoom ?? true);
  try {
    iterator.attach(await services.inboxStreams.open({ viewer, ...request, restarts: false }, iterator));
    return iterator;
  } catch (error) {
    stopListening();
    throw error;
  }
}

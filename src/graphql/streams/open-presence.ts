import type { Presence } from '../../domain/presence.js';
import { requireScope } from '../../domain/viewer.js';
import type { Services } from '../../plugins/services.js';
import type { Caller, SocketCaller } from '../caller.js';
import { CurrentItems } from './current-items.js';

/** The part of an operation's context that this file needs. */
interface PresenceContext {
  readonly services: Pick<Services, 'presences'>;
  readonly caller: Caller;
  readonly socket: SocketCaller | null;
}

/**
 * Watches the presence of users for one subscription. A slow consumer gets the newest state of each. It ends with `FORBIDDEN` when the
 * token is replaced by one without the scope `read`.
 * @throws DomainError as `Presences.watch`
 */
export async function openPresence(
  { services, caller, socket }: PresenceContext,
  userIds: readonly string[],
): Promise<AsyncIterableIterator<Presence, undefined>> {
  const watch = await services.presences.watch(caller.viewer, userIds);
  const applyToken = () => {
    try {
      watch.chats = requireScope(caller.viewer, 'read').chats;
    } catch (error) {
      items.end({ error });
    }
  };
  const stopListening = socket?.onViewerChange(applyToken);
  const onEnd = () => {
    stopListening?.();
    watch.close();
  };
  const items = new CurrentItems<Presence>(() => watch.takeOne(), onEnd);
  // The token may have been replaced during the query.
  applyToken();
  watch.listen(() => items.arrived());
  return items;
}

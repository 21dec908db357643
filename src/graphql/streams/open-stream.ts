import type { ChatEvent } from '../../domain/log/chat-events.js';
import type { Cursor } from '../../domain/log/cursor.js';
import { requireScope } from '../../domain/viewer.js';
import type { Services } from '../../plugins/services.js';
import type { Caller, SocketCaller } from '../caller.js';
import { Recheck } from './recheck.js';
import { StreamIterator } from './stream-iterator.js';

/** The part of an operation's context that a stream needs. */
interface StreamContext {
  readonly services: Pick<Services, 'chats' | 'chatStreams'>;
  readonly caller: Caller;
  readonly socket: SocketCaller | null;
}

/**
 * Opens a chat's events for one subscription. Delivery checks the viewer's access now; it is checked again whenever the viewer's
 * token or role changes. A removal from the chat needs no check: it is an event of the stream.
 * @throws DomainError `UNAUTHENTICATED`, `FORBIDDEN` or `NOT_FOUND`.
 */
export async function openStream<Event extends ChatEvent>(
  { services, caller, socket }: StreamContext,
  { chatId, after }: { chatId: string; after?: Cursor | undefined },
  isWanted: (event: ChatEvent) => event is Event,
): Promise<AsyncIterableIterator<Event, undefined>> {
  const viewer = () => requireScope(caller.viewer, 'read');
  const recheck = new Recheck(
    () => services.chats.requireHead(viewer(), { id: chatId }),
    (error) => iterator.fail(error),
  );
  // Listens before the stream opens, so that no change is missed in between.
  const stopListening = socket?.onViewerChange(() => recheck.request()) ?? (() => {});
  const onEnd = () => {
    stopListening();
    recheck.stop();
  };
  const iterator = new StreamIterator(isWanted, onEnd, () => socket?.hasRoom ?? true);
  try {
    iterator.attach(await services.chatStreams.open({ chatId, viewer, after }, iterator));
    return iterator;
  } catch (error) {
    onEnd();
    throw error;
  }
}

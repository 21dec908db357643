import type { ChatStream } from '../delivery/chat-stream.js';
import type { ChatEvent } from '../domain/chat-events.js';
import type { Cursor } from '../domain/cursor.js';
import { requireScope } from '../domain/viewer.js';
import type { GraphqlContext } from './context.js';
import { StreamIterator } from './stream-iterator.js';

/**
 * The events of a chat for one subscription. Whether the viewer may have them is asked now, by the delivery, and again
 * whenever the viewer's token or role is another; a removal is an event of the stream itself.
 * @throws DomainError `UNAUTHENTICATED`, `FORBIDDEN` or `NOT_FOUND`.
 */
export async function openStream<Event extends ChatEvent>(
  { services, caller, socket }: GraphqlContext,
  { chatId, after }: { chatId: string; after?: Cursor | undefined },
  isWanted: (event: ChatEvent) => event is Event,
): Promise<AsyncIterableIterator<Event, undefined>> {
  let stream: ChatStream | undefined;
  const askAgain = async () => {
    try {
      const viewer = requireScope(caller.viewer, 'read');
      stream?.viewerChanged(viewer);
      await services.chats.entrance(viewer, { id: chatId });
    } catch (error) {
      iterator.fail(error);
    }
  };
  // Before the stream opens, so that no change falls between.
  const stopListening = socket?.onViewerChange(() => void askAgain()) ?? (() => {});
  const iterator = new StreamIterator(isWanted, stopListening);
  try {
    stream = await services.chatStreams.open({ chatId, viewer: requireScope(caller.viewer, 'read'), after }, iterator);
    iterator.attach(stream);
    return iterator;
  } catch (error) {
    stopListening();
    throw error;
  }
}

import type { ChatStream } from '../../delivery/chat-stream.js';
import type { StreamSink } from '../../delivery/stream-sink.js';
import type { ChatEvent } from '../../domain/log/chat-events.js';
import type { Cursor } from '../../domain/log/cursor.js';
import type { ChatSignal } from '../../domain/signals.js';
import { reaches, requireScope } from '../../domain/viewer.js';
import type { Services } from '../../plugins/services.js';
import type { Caller, SocketCaller } from '../caller.js';
import { Recheck } from './recheck.js';
import { SignalIterator } from './signal-iterator.js';
import { StreamIterator } from './stream-iterator.js';

/** The part of an operation's context that a stream needs. */
interface StreamContext {
  readonly services: Pick<Services, 'chats' | 'chatStreams'>;
  readonly caller: Caller;
  readonly socket: SocketCaller | null;
}

interface Listener extends StreamSink {
  /** Takes the stream whose sink this is. */
  attach(stream: ChatStream): void;
  /** Ends the listener with an error, and drops what waits: the viewer may not have it any more. */
  fail(error: unknown): void;
  /** The same without an error. */
  return(): Promise<unknown>;
}

/** Makes the listener, which calls `onEnd` once, when it takes nothing more. */
type MakeListener<Made extends Listener> = (onEnd: () => void, hasRoom: () => boolean) => Made;

/**
 * Opens a chat's events for one subscription. Delivery checks the viewer's access now; it is checked again whenever the viewer's
 * token or role changes. A removal from the chat and its deletion need no check: they are events of the stream.
 * @throws DomainError `UNAUTHENTICATED`, `FORBIDDEN` or `NOT_FOUND`.
 */
export function openStream<Event extends ChatEvent>(
  context: StreamContext,
  request: { chatId: string; after?: Cursor | undefined },
  isWanted: (event: ChatEvent) => event is Event,
): Promise<AsyncIterableIterator<Event, undefined>> {
  return open(context, request, (onEnd, hasRoom) => new StreamIterator(isWanted, onEnd, hasRoom));
}

/** Opens a chat's signals for one subscription, as `openStream` its events. */
export function openSignals(
  context: StreamContext,
  request: { chatId: string },
): Promise<AsyncIterableIterator<ChatSignal, undefined>> {
  return open(context, request, (onEnd, hasRoom) => new SignalIterator(onEnd, hasRoom));
}

async function open<Made extends Listener>(
  { services, caller, socket }: StreamContext,
  { chatId, after }: { chatId: string; after?: Cursor | undefined },
  make: MakeListener<Made>,
): Promise<Made> {
  const viewer = () => requireScope(caller.viewer, 'read');
  const recheck = new Recheck(
    () => services.chats.requireLog(viewer(), { id: chatId }),
    (error) => {
      // A token that does not reach the chat ends the subscription, which is no fault.
      if (reaches(caller.viewer, chatId)) listener.fail(error);
      else void listener.return();
    },
  );
  // Listens before the stream opens, so that no change is missed in between.
  const stopListening = socket?.onViewerChange(() => recheck.request()) ?? (() => {});
  const onEnd = () => {
    stopListening();
    recheck.stop();
  };
  const listener = make(onEnd, () => socket?.hasRoom ?? true);
  try {
    listener.attach(await services.chatStreams.open({ chatId, viewer, after }, listener));
    return listener;
  } catch (error) {
    onEnd();
    throw error;
  }
}

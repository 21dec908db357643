import type { Viewer } from '../domain/viewer.js';
import type { Disconnect } from '../plugins/websocket/close-codes.js';
import type { Frame } from '../wire/frame.js';

/** What a channel and its listener need of a `ChatSocket` or an `EventStream`. */
export interface ChannelSocket {
  readonly isOpen: boolean;
  readonly hasRoom: boolean;
  readonly heartbeatSeconds: number;
  /** Takes one or several frames as the transport encodes them. Dropped when the socket is not open. */
  sendFrame(frame: Buffer): void;
  disconnect(disconnect: Disconnect): void;
}

/** What a socket streams: one chat, or all chats of its user. */
export interface Channel {
  /** The chat that all frames of the client are about; undefined when each names its chat. */
  readonly chatId: string | undefined;
  /**
   * Opens the stream, whose first frames come in a later turn of the event loop. Resolves to the frame `hello`, which comes before
   * them; to undefined when the stream was opened before.
   * @param viewer the viewer as of now: a token may be renewed and a role may change while the stream is open
   */
  open(viewer: () => Viewer): Promise<Frame | undefined>;
  /** The socket has room again. */
  resume(): void;
  /**
   * Streams the signals of these chats, and of no others from now on. Resolves when they are heard. Undefined for a channel of one chat, which
   * has its own.
   */
  hearSignals?(chatIds: readonly string[]): Promise<void>;
  /** Ends the stream. */
  close(): void;
  /** The viewer's role or token has changed. @throws DomainError `NOT_FOUND` when the viewer may not read any more */
  checkAccess(viewer: Viewer): Promise<void>;
}

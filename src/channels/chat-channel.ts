import type { ChatStream } from '../delivery/chat-stream.js';
import type { StreamEnd, StreamSink } from '../delivery/stream-sink.js';
import type { ChatEvent } from '../domain/log/chat-events.js';
import type { Cursor } from '../domain/log/cursor.js';
import type { ChatSignal } from '../domain/signals.js';
import type { Viewer } from '../domain/viewer.js';
import type { Services } from '../plugins/services.js';
import type { Admitted } from '../plugins/streams/admission.js';
import { closeCodes, type Disconnect } from '../plugins/websocket/close-codes.js';
import type { Frame } from '../wire/frame.js';
import { helloFrame, liveFrame, resetFrame } from '../wire/frames.js';
import type { Channel, ChannelSocket } from './channel.js';
import type { FrameEncoding } from './frame-encoding.js';

interface ChatChannelContext {
  services: Pick<Services, 'chats' | 'chatStreams'>;
  encoding: FrameEncoding;
}

const STREAM_ENDS: Record<StreamEnd, Disconnect> = {
  removed: closeCodes.removedFromChat,
  deleted: closeCodes.chatDeleted,
  not_found: closeCodes.chatGone,
  failed: closeCodes.internalError,
};

/** The events and signals of one chat on one socket. */
export class ChatChannel implements Channel, StreamSink {
  readonly chatId: string;
  private readonly userId: string;
  /** Set until `open`. */
  private opening: Admitted | undefined;
  private stream: ChatStream | undefined;

  constructor(
    private readonly socket: ChannelSocket,
    admitted: Admitted,
    private readonly context: ChatChannelContext,
  ) {
    this.opening = admitted;
    this.chatId = admitted.chat.id;
    this.userId = admitted.user.id;
  }

  async open(viewer: () => Viewer): Promise<Frame | undefined> {
    const { opening } = this;
    if (!opening) return undefined;
    this.opening = undefined;
    const { chat, user, after, checked } = opening;
    const stream = await this.context.services.chatStreams.open({ chatId: chat.id, viewer, after, checked }, this);
    this.stream = stream;
    const { heartbeatSeconds } = this.socket;
    const cursor = startOf(stream.head, after);
    return helloFrame({ chat, user, cursor, heartbeatSeconds, expiresAt: viewer().expiresAt });
  }

  resume(): void {
    this.stream?.resume();
  }

  close(): void {
    this.stream?.close();
  }

  async checkAccess(viewer: Viewer): Promise<void> {
    // A deletion of the chat is an event of the stream.
    await this.context.services.chats.requireLog(viewer, { id: this.chatId });
  }

  deliver(events: readonly ChatEvent[]): boolean {
    this.socket.sendFrame(this.context.encoding.events(events, this.userId));
    return this.socket.hasRoom;
  }

  signal(signal: ChatSignal): void {
    if (this.socket.hasRoom) this.socket.sendFrame(this.context.encoding.signal(signal));
  }

  live(cursor: Cursor): void {
    this.socket.sendFrame(this.context.encoding.frame(liveFrame(cursor)));
  }

  reset(cursor: Cursor): void {
    this.socket.sendFrame(this.context.encoding.frame(resetFrame(cursor)));
  }

  end(reason: StreamEnd): void {
    this.socket.disconnect(STREAM_ENDS[reason]);
  }

  /** A delivered event is encoded at once: its bytes are the socket's. */
  get holdsEvents(): boolean {
    return false;
  }

  replace(): void {}
}

/** The cursor after which the stream starts: the client's, or the head when the client's is invalid and a `reset` follows. */
function startOf(head: Cursor, after: Cursor | undefined): Cursor {
  return after && after.epoch === head.epoch && after.seq <= head.seq ? after : head;
}

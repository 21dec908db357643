import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { ChatStream } from '../delivery/chat-stream.js';
import type { Session, SessionEnd, SessionListener } from '../delivery/session.js';
import type { StreamEnd, StreamSink } from '../delivery/stream-sink.js';
import { clientError } from '../domain/database.js';
import { DomainError, tooManyRenewals } from '../domain/errors.js';
import type { ChatEvent } from '../domain/log/chat-events.js';
import type { ChatMessage } from '../domain/log/chat-message.js';
import type { Cursor } from '../domain/log/cursor.js';
import { requireScope, type Viewer } from '../domain/viewer.js';
import type { Services } from '../plugins/services.js';
import { closeCodes, type Disconnect } from '../plugins/websocket/close-codes.js';
import type { Admitted } from './admission.js';
import { eventFrames } from './event-frames.js';
import {
  authAckFrame,
  errorFrame,
  helloFrame,
  internalErrorFrame,
  liveFrame,
  messageAckFrame,
  pongFrame,
  resetFrame,
  tokenExpiringFrame,
} from './frames.js';
import {
  type ClientFrame,
  type MessageChange,
  type MessageEdit,
  type MessageReaction,
  type MessageSend,
  parseFrame,
} from './protocol.js';

/** What a connection needs of a `ChatSocket`. */
export interface ChannelSocket {
  readonly isOpen: boolean;
  readonly hasRoom: boolean;
  readonly heartbeatSeconds: number;
  /** Dropped when the socket is not open. */
  sendFrame(frame: Buffer): void;
  disconnect(disconnect: Disconnect): void;
  pause(): void;
  resume(): void;
}

export interface ConnectionContext {
  services: Pick<
    Services,
    'chats' | 'chatStreams' | 'messageChanges' | 'messages' | 'reactions' | 'sessions' | 'tokens'
  >;
  log: FastifyBaseLogger;
  requestId: string;
}

/**
 * The delay of the first frame after the upgrade response, in milliseconds. A client that adds its listener when it is told that the
 * socket is open would miss a frame that came in one packet with that response.
 */
const HELLO_DELAY_MS = 5;

const STREAM_ENDS: Record<StreamEnd, Disconnect> = {
  removed: closeCodes.removedFromChat,
  deleted: closeCodes.chatDeleted,
  not_found: closeCodes.chatGone,
  failed: closeCodes.internalError,
};

const SESSION_ENDS: Record<SessionEnd, Disconnect> = {
  token_expired: closeCodes.tokenExpired,
  token_revoked: closeCodes.tokenRevoked,
};

/**
 * One user's raw channel of one chat, from the upgrade to the close. It needs no network: the socket is an argument, and its owner
 * calls `receive`, `drained` and `closed`.
 */
export class Connection implements StreamSink, SessionListener {
  private readonly session: Session;
  private readonly chatId: string;
  private readonly userId: string;
  /** Set until `start`. */
  private opening: Admitted | undefined;
  private stream: ChatStream | undefined;
  private isRenewing = false;
  /** Frames that came while an `auth` frame is handled. One of them at most is another `auth` frame. */
  private readonly waiting: ClientFrame[] = [];
  private hasWaitingAuth = false;

  constructor(
    private readonly socket: ChannelSocket,
    admitted: Admitted,
    private readonly context: ConnectionContext,
  ) {
    this.opening = admitted;
    this.chatId = admitted.chat.id;
    this.userId = admitted.user.id;
    this.session = context.services.sessions.open(admitted.viewer, this);
  }

  /** Sends `hello` and opens the chat's stream. No frame of the client is read before that. */
  async start(): Promise<void> {
    const { socket, opening } = this;
    if (!opening) return;
    this.opening = undefined;
    socket.pause();
    try {
      await sleep(HELLO_DELAY_MS);
      // `closed` has been called already, and would not close a stream that is opened now.
      if (!socket.isOpen) return;
      const { chatStreams } = this.context.services;
      const { chat, user, after, checked } = opening;
      const stream = await chatStreams.open(
        { chatId: chat.id, viewer: () => this.session.viewer, after, checked },
        this,
      );
      if (!socket.isOpen) {
        stream.close();
        return;
      }
      this.stream = stream;
      socket.sendFrame(
        helloFrame({
          chat,
          user,
          cursor: startOf(stream.head, after),
          heartbeatSeconds: socket.heartbeatSeconds,
          expiresAt: this.session.viewer.expiresAt,
        }),
      );
      socket.resume();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Takes a frame from the client. */
  receive(data: unknown, isBinary: boolean): void {
    // Frames that come after our close frame are ignored, since they could not be answered.
    if (!this.socket.isOpen) return;
    try {
      const frame = Buffer.isBuffer(data) && !isBinary ? parseFrame(data.toString()) : undefined;
      if (!frame) this.socket.disconnect(closeCodes.malformedFrame);
      else if (this.isRenewing) this.wait(frame);
      else this.dispatch(frame);
    } catch (error) {
      // An error thrown into the socket's event would end the process.
      this.fail(error);
    }
  }

  /** The socket's outbox has room again. */
  drained(): void {
    this.stream?.resume();
  }

  /** The socket is closed. */
  closed(): void {
    this.stream?.close();
    this.session.close();
  }

  deliver(events: readonly ChatEvent[]): boolean {
    this.socket.sendFrame(eventFrames(events, this.userId));
    return this.socket.hasRoom;
  }

  live(cursor: Cursor): void {
    this.socket.sendFrame(liveFrame(cursor));
  }

  reset(cursor: Cursor): void {
    this.socket.sendFrame(resetFrame(cursor));
  }

  end(reason: StreamEnd): void {
    this.socket.disconnect(STREAM_ENDS[reason]);
  }

  /** A delivered event is encoded at once: its bytes are the socket's. */
  get holdsEvents(): boolean {
    return false;
  }

  replace(): void {}

  sessionEnded(reason: SessionEnd): void {
    this.socket.disconnect(SESSION_ENDS[reason]);
  }

  tokenExpiring(expiresAt: Date): void {
    this.socket.sendFrame(tokenExpiringFrame(expiresAt));
  }

  viewerChanged(): void {
    this.checkAccess().catch((error: unknown) => this.fail(error));
  }

  /**
   * Handles frames in the order in which they came; sends do not wait for each other's COMMIT. While a new token is authenticated
   * the socket is paused, so only frames that were read before that wait.
   */
  private dispatch(frame: ClientFrame): void {
    const answered = this.handle(frame).catch((error: unknown) => this.refuse(frame.id, error));
    if (frame.type !== 'auth') return;
    this.isRenewing = true;
    this.socket.pause();
    answered.then(() => this.endRenewal()).catch((error: unknown) => this.fail(error));
  }

  private wait(frame: ClientFrame): void {
    if (frame.type !== 'auth') this.waiting.push(frame);
    else if (this.hasWaitingAuth) this.refuse(frame.id, tooManyRenewals());
    else {
      this.hasWaitingAuth = true;
      this.waiting.push(frame);
    }
  }

  private endRenewal(): void {
    this.isRenewing = false;
    for (let frame = this.waiting.shift(); frame; frame = this.waiting.shift()) {
      if (frame.type === 'auth') this.hasWaitingAuth = false;
      this.dispatch(frame);
      if (this.isRenewing) return;
    }
    // A full socket resumes by itself when it has room.
    if (this.socket.hasRoom) this.socket.resume();
  }

  private async handle(frame: ClientFrame): Promise<void> {
    const { messageChanges: changes, reactions } = this.context.services;
    switch (frame.type) {
      case 'message.send':
        return this.send(frame);
      case 'message.edit':
        return this.change(frame, (viewer, edit) => changes.edit(viewer, edit));
      case 'message.delete':
        return this.change(frame, (viewer, target) => changes.delete(viewer, target));
      case 'pin':
        return this.change(frame, (viewer, target) => changes.pin(viewer, target));
      case 'unpin':
        return this.change(frame, (viewer, target) => changes.unpin(viewer, target));
      case 'reaction.add':
        return this.change(frame, (viewer, reaction) => reactions.add(viewer, reaction));
      case 'reaction.remove':
        return this.change(frame, (viewer, reaction) => reactions.remove(viewer, reaction));
      case 'auth':
        return this.renew(frame.id, frame.token);
      case 'ping':
        return this.socket.sendFrame(pongFrame(frame.id));
      case 'refused':
        throw frame.error;
    }
  }

  private async send({ id, content, nonce, extras, wantsAck }: MessageSend): Promise<void> {
    const viewer = requireScope(this.session.viewer, 'write');
    const message = await this.context.services.messages.send(viewer, {
      chatId: this.chatId,
      content,
      nonce,
      ...extras,
    });
    if (wantsAck) this.socket.sendFrame(messageAckFrame(id, message, this.userId));
  }

  /** Changes a message of the chat, and acknowledges the change. */
  private async change<Frame extends MessageEdit | MessageChange | MessageReaction>(
    frame: Frame,
    change: (viewer: Viewer, input: Frame & { chatId: string }) => Promise<ChatMessage>,
  ): Promise<void> {
    const message = await change(this.session.viewer, { ...frame, chatId: this.chatId });
    this.socket.sendFrame(messageAckFrame(frame.id, message, this.userId));
  }

  private async renew(id: string | undefined, token: string): Promise<void> {
    const viewer = await this.context.services.tokens.authenticate(token);
    if (!viewer)
      throw new DomainError('UNAUTHENTICATED', 'The access token is unknown, expired or revoked.', { field: 'token' });
    requireScope(viewer, 'read');
    this.session.renew(viewer);
    this.socket.sendFrame(authAckFrame(id, viewer));
    // The new token's viewer may have another role, of which the session was not told.
    this.viewerChanged();
  }

  /** @throws DomainError `NOT_FOUND` when the viewer may not reach the chat any more */
  private async checkAccess(): Promise<void> {
    await this.context.services.chats.requireHead(this.session.viewer, { id: this.chatId });
  }

  /** Answers a frame with an error. The socket stays open. */
  private refuse(id: string | undefined, error: unknown): void {
    const refusal = clientError(error);
    if (!refusal || refusal.code === 'SERVICE_UNAVAILABLE')
      this.warn(error, 'could not handle a frame of a raw channel');
    this.socket.sendFrame(refusal ? errorFrame(id, refusal) : internalErrorFrame(id, this.context.requestId));
  }

  /** Closes the socket because of an error. */
  private fail(error: unknown): void {
    const refusal = clientError(error);
    if (refusal?.code === 'NOT_FOUND') {
      this.socket.disconnect(closeCodes.removedFromChat);
      return;
    }
    this.warn(error, 'closing a raw channel because of an error');
    this.socket.disconnect(refusal?.code === 'SERVICE_UNAVAILABLE' ? closeCodes.overloaded : closeCodes.internalError);
  }

  private warn(error: unknown, what: string): void {
    const { log, requestId } = this.context;
    log.warn({ err: error, reqId: requestId }, what);
  }
}

/** The cursor after which the stream starts: the client's, or the head when the client's is invalid and a `reset` follows. */
function startOf(head: Cursor, after: Cursor | undefined): Cursor {
  return after && after.epoch === head.epoch && after.seq <= head.seq ? after : head;
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { ChatStream, StreamEnd, StreamSink } from '../delivery/chat-stream.js';
import type { Session, SessionEnd, SessionListener } from '../delivery/sessions.js';
import type { ChatEvent } from '../domain/chat-events.js';
import type { Cursor } from '../domain/cursor.js';
import { clientError } from '../domain/database.js';
import { DomainError } from '../domain/errors.js';
import { requireScope } from '../domain/viewer.js';
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
import { type ClientFrame, type MessageSend, parseFrame } from './protocol.js';

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
  services: Pick<Services, 'chats' | 'chatStreams' | 'messages' | 'sessions' | 'tokens'>;
  log: FastifyBaseLogger;
  requestId: string;
}

/**
 * From the answer to the upgrade to the first frame, in milliseconds. What comes in one packet with that answer is lost on a
 * client which begins to listen when it has heard that the socket is open.
 */
const HELLO_AFTER_MS = 5;

const STREAM_ENDS: Record<StreamEnd, Disconnect> = {
  removed: closeCodes.removedFromChat,
  gone: closeCodes.chatGone,
  failed: closeCodes.internalError,
};

const SESSION_ENDS: Record<SessionEnd, Disconnect> = {
  token_expired: closeCodes.tokenExpired,
  token_revoked: closeCodes.tokenRevoked,
};

/**
 * One user on one chat's raw channel, from the upgrade to the end. Knows no network: the socket is handed in, and what the
 * socket hears comes by `receive`, `drained` and `closed`.
 */
export class Connection implements StreamSink, SessionListener {
  private readonly session: Session;
  private readonly chatId: string;
  private readonly userId: string;
  /** Until the stream is open. */
  private opening: Admitted | undefined;
  private stream: ChatStream | undefined;
  /** Settles when the `auth` frame under way is answered; never rejects. */
  private renewal: Promise<void> | undefined;

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

  /** Says hello and starts the chat's stream. Nothing of the client's is read before. */
  async start(): Promise<void> {
    const { socket, opening } = this;
    if (!opening) return;
    this.opening = undefined;
    socket.pause();
    try {
      await sleep(HELLO_AFTER_MS);
      // Left meanwhile: nobody would close what is opened now.
      if (!socket.isOpen) return;
      const { chatStreams } = this.context.services;
      const { chat, user, after, entrance } = opening;
      const stream = await chatStreams.open({ chatId: chat.id, viewer: this.session.viewer, after, entrance }, this);
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

  /** A frame of the client's. */
  receive(data: unknown, isBinary: boolean): void {
    // What comes after our close frame is not acted on: nothing could be answered any more.
    if (!this.socket.isOpen) return;
    try {
      const frame = Buffer.isBuffer(data) && !isBinary ? parseFrame(data.toString()) : undefined;
      if (!frame) this.socket.disconnect(closeCodes.malformedFrame);
      else this.handle(frame).catch((error: unknown) => this.refuse(frame.id, error));
    } catch (error) {
      // Thrown into the socket's event, it would end the process.
      this.fail(error);
    }
  }

  /** The socket has room again. */
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

  ended(reason: SessionEnd): void {
    this.socket.disconnect(SESSION_ENDS[reason]);
  }

  expiring(expiresAt: Date): void {
    this.socket.sendFrame(tokenExpiringFrame(expiresAt));
  }

  changed(): void {
    this.checkReach().catch((error: unknown) => this.fail(error));
  }

  /** Frames are acted on in the order they came; sends do not wait for each other's COMMIT. */
  private async handle(frame: ClientFrame): Promise<void> {
    while (this.renewal) await this.renewal;
    switch (frame.type) {
      case 'message.send':
        return this.send(frame);
      case 'auth': {
        const renewed = this.renew(frame.id, frame.token);
        const answered = () => {
          this.renewal = undefined;
        };
        this.renewal = renewed.then(answered, answered);
        return renewed;
      }
      case 'ping':
        return this.socket.sendFrame(pongFrame(frame.id));
      case 'refused':
        throw frame.error;
    }
  }

  private async send({ id, content, nonce, wantsAck }: MessageSend): Promise<void> {
    const viewer = requireScope(this.session.viewer, 'write');
    const message = await this.context.services.messages.send(viewer, {
      chatId: this.chatId,
      content,
      nonce,
    });
    if (wantsAck) this.socket.sendFrame(messageAckFrame(id, message));
  }

  private async renew(id: string | undefined, token: string): Promise<void> {
    const viewer = await this.context.services.tokens.authenticate(token);
    if (!viewer)
      throw new DomainError('UNAUTHENTICATED', 'The access token is unknown, expired or revoked.', { field: 'token' });
    requireScope(viewer, 'read');
    this.session.renew(viewer);
    this.socket.sendFrame(authAckFrame(id, viewer));
    // The new token may know of a change of role that the session had not heard of.
    this.changed();
  }

  private async checkReach(): Promise<void> {
    const { viewer } = this.session;
    this.stream?.viewerChanged(viewer);
    const reachable = await this.context.services.chats.reachable(viewer, [this.chatId]);
    if (!reachable.has(this.chatId)) this.socket.disconnect(closeCodes.removedFromChat);
  }

  /** A frame that could not be acted on; the socket goes on. */
  private refuse(id: string | undefined, error: unknown): void {
    const refusal = clientError(error);
    if (!refusal || refusal.code === 'SERVICE_UNAVAILABLE') this.warn(error, 'could not act on a frame');
    this.socket.sendFrame(refusal ? errorFrame(id, refusal) : internalErrorFrame(id, this.context.requestId));
  }

  /** The connection cannot go on. */
  private fail(error: unknown): void {
    const refusal = clientError(error);
    if (refusal?.code === 'NOT_FOUND') {
      this.socket.disconnect(closeCodes.removedFromChat);
      return;
    }
    this.warn(error, 'could not go on with a raw channel');
    this.socket.disconnect(refusal?.code === 'SERVICE_UNAVAILABLE' ? closeCodes.overloaded : closeCodes.internalError);
  }

  private warn(error: unknown, what: string): void {
    const { log, requestId } = this.context;
    log.warn({ err: error, reqId: requestId }, what);
  }
}

/** Where the stream begins: after the client's cursor, unless that is refused and a `reset` follows. */
function startOf(head: Cursor, after: Cursor | undefined): Cursor {
  return after && after.epoch === head.epoch && after.seq <= head.seq ? after : head;
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelSocket } from '../channels/channel.js';
import { Listener, type ListenerContext } from '../channels/listener.js';
import type { Tally } from '../domain/counts.js';
import { clientError } from '../domain/database.js';
import { badInput, DomainError, tooManyRenewals } from '../domain/errors.js';
import { checkSignalChats } from '../domain/signals.js';
import type { Services } from '../plugins/services.js';
import { closeCodes } from '../plugins/websocket/close-codes.js';
import type { Frame } from '../wire/frame.js';
import { authAckFrame, errorFrame, internalErrorFrame, pongFrame, signalsAckFrame } from '../wire/frames.js';
import { type FrameContext, handleChatFrame } from './chat-frames.js';
import { PresenceFeed } from './presence-feed.js';
import { type AskSignals, type ChatFrame, type ClientFrame, parseFrame } from './protocol.js';

/** What a connection needs of a `ChatSocket`. */
export interface RawSocket extends ChannelSocket {
  pause(): void;
  resume(): void;
}

export interface ConnectionContext extends ListenerContext {
  services: Pick<Services, 'presences' | 'sessions' | 'tokens'> & FrameContext['services'];
  /** The errors that clients were told, by edge and code. */
  told: Tally;
}

/**
 * The delay of the first frame after the upgrade response, in milliseconds. A client that adds its listener when it is told that the
 * socket is open would miss a frame that came in one packet with that response.
 */
const HELLO_DELAY_MS = 5;

/** One user's raw socket, from the upgrade to the close: it listens, and handles the client's frames, which its owner gives to `receive`. */
export class Connection extends Listener<RawSocket, ConnectionContext> {
  private isRenewing = false;
  /** Frames that came while an `auth` frame is handled. One of them at most is another `auth` frame. */
  private readonly waiting: ClientFrame[] = [];
  private hasWaitingAuth = false;
  /** Undefined until the client asks for somebody's presence. */
  private presence: PresenceFeed | undefined;

  /** No frame of the client is read before `hello` is sent. */
  override async start(): Promise<void> {
    const { socket } = this;
    socket.pause();
    await sleep(HELLO_DELAY_MS);
    await super.start();
    if (socket.isOpen) socket.resume();
  }

  /** Takes a frame from the client. */
  receive(data: unknown, isBinary: boolean): void {
    // Frames that come after our close frame are ignored, since they could not be answered.
    if (!this.socket.isOpen) return;
    this.session.active();
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

  override drained(): void {
    super.drained();
    this.presence?.resume();
  }

  override closed(): void {
    this.presence?.close();
    super.closed();
  }

  /**
   * Handles frames in the order in which they came; sends do not wait for each other's COMMIT. While a new token is authenticated
   * the socket is paused, so only frames that were read before that wait.
   */
  private dispatch(frame: ClientFrame): void {
    const answered = this.handle(frame).catch((error: unknown) => this.refuse(frame, error));
    if (frame.type !== 'auth') return;
    this.isRenewing = true;
    this.socket.pause();
    answered.then(() => this.endRenewal()).catch((error: unknown) => this.fail(error));
  }

  private wait(frame: ClientFrame): void {
    if (frame.type !== 'auth') this.waiting.push(frame);
    else if (this.hasWaitingAuth) this.refuse(frame, tooManyRenewals());
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
    switch (frame.type) {
      case 'auth':
        return this.renew(frame.id, frame.token);
      case 'presence':
        return this.askPresence(frame.users);
      case 'signals':
        return this.askSignals(frame);
      case 'ping':
        return this.send(pongFrame(frame.id));
      case 'refused':
        throw frame.error;
      default:
        return handleChatFrame(frame, this.contextOf(frame));
    }
  }

  /** @throws DomainError `BAD_USER_INPUT`, field `chatId`, when the frame has to name its chat and does not */
  private contextOf(frame: ChatFrame): FrameContext {
    const { services } = this.context;
    const { viewer } = this.session;
    const chatId = this.channel.chatId ?? frame.chatId;
    if (chatId === undefined) throw badInput('chatId', 'chatId must be the id of the chat that the frame is about.');
    return { services, viewer, userId: this.userId, chatId, answer: (answer) => this.answer(frame, answer) };
  }

  private askPresence(userIds: readonly string[]): Promise<void> {
    const { presences } = this.context.services;
    this.presence ??= new PresenceFeed(presences, this.socket, (frame) => this.send(frame));
    return this.presence.ask(this.session.viewer, userIds);
  }

  /**
   * Answered only with an `id`, once the signals are heard.
   * @throws DomainError `BAD_USER_INPUT`: on a channel of one chat, whose signals come anyhow, for the type of the frame
   */
  private async askSignals(frame: AskSignals): Promise<void> {
    if (!this.channel.hearSignals) throw badInput('type', 'signals is a frame of the inbox.');
    const chatIds = checkSignalChats('chats', frame.chats);
    await this.channel.hearSignals(chatIds);
    if (frame.id !== undefined) this.answer(frame, signalsAckFrame(frame.id, chatIds));
  }

  /** An answer names the chat where the frame did. */
  private answer({ chatId }: ClientFrame, answer: Frame): void {
    this.send(this.channel.chatId === undefined ? { ...answer, chatId } : answer);
  }

  private async renew(id: string | undefined, token: string): Promise<void> {
    const viewer = await this.context.services.tokens.authenticate(token);
    if (!viewer)
      throw new DomainError('UNAUTHENTICATED', 'The access token is unknown, expired or revoked.', { field: 'token' });
    this.session.renew(viewer);
    // The new token replaces the old one wholly, and who may not read may not listen.
    if (!viewer.scopes.has('read')) {
      this.socket.disconnect(closeCodes.insufficientScope);
      return;
    }
    this.presence?.renewed(viewer);
    this.send(authAckFrame(id, viewer));
    // The new token's viewer may have another role, of which the session was not told.
    this.viewerChanged();
  }

  /** Answers a frame with an error. The socket stays open. */
  private refuse(frame: ClientFrame, error: unknown): void {
    const refusal = clientError(error);
    if (!refusal || refusal.code === 'SERVICE_UNAVAILABLE')
      this.warn(error, 'could not handle a frame of a raw channel');
    const { requestId, told } = this.context;
    told.add(`raw ${refusal?.code ?? 'INTERNAL_SERVER_ERROR'}`);
    this.answer(frame, refusal ? errorFrame(frame.id, refusal) : internalErrorFrame(frame.id, requestId));
  }
}

import type { FastifyBaseLogger } from 'fastify';
import type { Session, SessionEnd, SessionListener } from '../delivery/session.js';
import { clientError } from '../domain/database.js';
import { reaches } from '../domain/viewer.js';
import type { Services } from '../plugins/services.js';
import type { AdmittedUser } from '../plugins/streams/admission.js';
import { closeCodes, type Disconnect } from '../plugins/websocket/close-codes.js';
import type { Frame } from '../wire/frame.js';
import { tokenExpiringFrame } from '../wire/frames.js';
import type { Channel, ChannelSocket } from './channel.js';
import type { FrameEncoding } from './frame-encoding.js';

export interface ListenerContext {
  services: Pick<Services, 'sessions'>;
  encoding: FrameEncoding;
  log: FastifyBaseLogger;
  requestId: string;
}

const SESSION_ENDS: Record<SessionEnd, Disconnect> = {
  token_expired: closeCodes.tokenExpired,
  token_revoked: closeCodes.tokenRevoked,
};

/**
 * One user who listens to a channel on a socket, until either ends: with the token, with the access, because of an error. It needs no
 * network: the socket is an argument, and its owner calls `drained` and `closed`.
 */
export class Listener<Socket extends ChannelSocket = ChannelSocket, Context extends ListenerContext = ListenerContext>
  implements SessionListener
{
  protected readonly session: Session;
  protected readonly userId: string;

  constructor(
    protected readonly socket: Socket,
    { viewer, user }: AdmittedUser,
    protected readonly channel: Channel,
    protected readonly context: Context,
  ) {
    this.userId = user.id;
    this.session = context.services.sessions.open(viewer, this);
  }

  /** Opens the channel's stream and sends `hello`. */
  async start(): Promise<void> {
    const { socket, channel } = this;
    try {
      // `closed` has been called already, and would not close a stream that is opened now.
      if (!socket.isOpen) return;
      const hello = await channel.open(() => this.session.viewer);
      if (!socket.isOpen) channel.close();
      else if (hello) this.send(hello);
    } catch (error) {
      this.fail(error);
    }
  }

  /** The socket's outbox has room again. */
  drained(): void {
    this.channel.resume();
  }

  /** The socket is closed. */
  closed(): void {
    this.channel.close();
    this.session.close();
  }

  sessionEnded(reason: SessionEnd): void {
    this.socket.disconnect(SESSION_ENDS[reason]);
  }

  tokenExpiring(expiresAt: Date): void {
    this.send(tokenExpiringFrame(expiresAt));
  }

  viewerChanged(): void {
    this.channel.checkAccess(this.session.viewer).catch((error: unknown) => this.fail(error));
  }

  protected send(frame: Frame): void {
    this.socket.sendFrame(this.context.encoding.frame(frame));
  }

  /** Closes the socket because of an error. */
  protected fail(error: unknown): void {
    const refusal = clientError(error);
    if (refusal?.code === 'NOT_FOUND') {
      const { chatId } = this.channel;
      const isInReach = chatId === undefined || reaches(this.session.viewer, chatId);
      this.socket.disconnect(isInReach ? closeCodes.removedFromChat : closeCodes.outOfReach);
      return;
    }
    this.warn(error, 'ending a stream because of an error');
    this.socket.disconnect(refusal?.code === 'SERVICE_UNAVAILABLE' ? closeCodes.overloaded : closeCodes.internalError);
  }

  protected warn(error: unknown, what: string): void {
    const { log, requestId } = this.context;
    log.warn({ err: error, reqId: requestId }, what);
  }
}

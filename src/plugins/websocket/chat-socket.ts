import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { Rounds } from '../../delivery/rounds.js';
import { closeCodes, type Disconnect } from './close-codes.js';
import { textFrame } from './frame.js';
import { FrameRate, type FrameRateLimit } from './frame-rate.js';
import { Outbox } from './outbox.js';

export interface ChatSocketOptions {
  rounds: Rounds;
  /** How often the peer is asked whether it is there; it has as long to answer. Seconds. */
  heartbeatSeconds: number;
  /** How long a full outbox may stand still, in milliseconds. */
  stallMs: number;
  frameRate: FrameRateLimit;
}

/** Who hears a socket. Handlers in one object take less memory than a listener each. */
export interface SocketConsumer {
  receive(data: unknown, isBinary: boolean): void;
  /** There is room again. */
  drained(): void;
  closed(): void;
}

type Data = Parameters<WebSocket['send']>[0];
type SendOptions = Parameters<WebSocket['send']>[1];
type SendCallback = (error?: Error) => void;

/** The parts of a socket once its connection is known. */
interface Attached {
  connection: Socket;
  outbox: Outbox;
  rate: FrameRate;
  /** Shared by all sockets of one user. */
  userRate: FrameRate | undefined;
  options: ChatSocketOptions;
}

/**
 * The server's end of a WebSocket, the same for every protocol on it. It joins what is due in one round into one write,
 * bounds what it holds for a slow peer, and finds out when the peer is gone.
 *
 * Events beside those of `ws`: `drain`, when a socket without room has room again.
 */
export class ChatSocket extends WebSocket {
  /** The last text frame, when the protocol on this socket says why it ends before it does. */
  farewell: ((disconnect: Disconnect) => Buffer) | undefined;
  /** Hears the same as the listeners of events, and after them. */
  consumer: SocketConsumer | undefined;
  /** The request that it came from, for the log. */
  requestId: string | undefined;

  #attached: Attached | undefined;
  #awaitingRoom: SendCallback[] = [];
  #pingAt = Number.POSITIVE_INFINITY;
  /** Bytes that had been received at the last ping; undefined before the first. */
  #receivedAtPing: number | undefined;

  /** Called once, when the upgrade is done and before anything is sent. */
  attach(connection: Socket, options: ChatSocketOptions): void {
    const outbox = new Outbox(connection, options.rounds, () => this.#hasRoomAgain());
    this.#attached = { connection, outbox, rate: new FrameRate(options.frameRate), userRate: undefined, options };
    this.#pingAt = performance.now() + options.heartbeatSeconds * 1000;
    this.on('message', hearMessage);
    this.on('ping', hearControl);
    this.on('pong', hearControl);
    this.on('close', hearClose);
  }

  /** For the listeners alone. */
  heard(data?: unknown, isBinary = false): void {
    this.#countFrame();
    if (data !== undefined) this.consumer?.receive(data, isBinary);
  }

  /** From now on frames are counted by this rate too. */
  countBy(rate: FrameRate | undefined): void {
    this.#parts.userRate = rate;
  }

  get isOpen(): boolean {
    return this.readyState === WebSocket.OPEN;
  }

  get heartbeatSeconds(): number {
    return this.#parts.options.heartbeatSeconds;
  }

  /** False once a mebibyte is unsent: give it nothing more until `drain`. */
  get hasRoom(): boolean {
    return this.#parts.outbox.hasRoom;
  }

  /**
   * Sends bytes of `textFrame()`, of one frame or of several, which may go to other sockets too. On a socket that is closing
   * they are dropped.
   */
  sendFrame(frame: Buffer): void {
    if (!this.isOpen) return;
    const { outbox } = this.#parts;
    outbox.push(frame);
    // Who does not read its answers may not ask for more of them.
    if (!outbox.hasRoom) this.pause();
  }

  override send(data: Data, callback?: SendCallback): void;
  override send(data: Data, options: SendOptions, callback?: SendCallback): void;
  /** As in `ws`, in order with `sendFrame`. The callback of a text comes when there is room for more. */
  override send(data: Data, options?: SendOptions | SendCallback, callback?: SendCallback): void {
    const done = typeof options === 'function' ? options : callback;
    if (!this.isOpen || typeof data !== 'string') {
      if (this.isOpen) this.#parts.outbox.flushAll();
      super.send(data, typeof options === 'object' ? options : {}, done);
      return;
    }
    this.sendFrame(textFrame(data));
    if (!done) return;
    if (this.hasRoom) done();
    else this.#awaitingRoom.push(done);
  }

  /** Ends the socket for a reason of ours: what is queued, the farewell, the close frame. The peer has a bounded time to answer. */
  disconnect(disconnect: Disconnect): void {
    if (!this.isOpen) return;
    if (this.farewell) this.#parts.outbox.push(this.farewell(disconnect));
    this.close(disconnect.code, disconnect.reason);
  }

  override close(code?: number, data?: string | Buffer): void {
    if (this.isOpen) this.#attached?.outbox.flushAll();
    super.close(code, data);
    // The peer's own close frame is still to be read.
    this.resume();
  }

  /** Asked about once a second, with `performance.now()`: pings, and ends a socket whose peer is gone or does not read. */
  checkHealth(now: number): void {
    if (!this.isOpen) return;
    const { connection, outbox, options } = this.#parts;
    if (outbox.isStalled(now, options.stallMs)) {
      // What waits would only stand before the close frame; who comes back resumes and gets it again.
      outbox.clear();
      this.disconnect(closeCodes.tooSlow);
    } else if (now >= this.#pingAt) {
      // Any byte is a sign of life. While we do not read we cannot see one.
      if (connection.bytesRead === this.#receivedAtPing && !this.isPaused) {
        this.terminate();
        return;
      }
      this.#receivedAtPing = connection.bytesRead;
      this.#pingAt = now + options.heartbeatSeconds * 1000;
      this.ping();
    }
  }

  #hasRoomAgain(): void {
    this.resume();
    for (const done of this.#awaitingRoom.splice(0)) done();
    this.emit('drain');
    this.consumer?.drained();
  }

  #countFrame(): void {
    if (!this.isOpen) return;
    const { rate, userRate } = this.#parts;
    if (!rate.allows() || userRate?.allows() === false) this.disconnect(closeCodes.tooManyFrames);
  }

  /** For the listeners alone. */
  wasClosed(): void {
    this.#parts.outbox.clear();
    for (const done of this.#awaitingRoom.splice(0)) done(new Error('The socket was closed.'));
    this.consumer?.closed();
  }

  get #parts(): Attached {
    if (!this.#attached) throw new Error('The socket is used before its upgrade is done.');
    return this.#attached;
  }
}

// One function each for all sockets: a closure and its scope for each would be half a kibibyte.
function hearMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  if (this instanceof ChatSocket) this.heard(data, isBinary);
}

function hearControl(this: WebSocket): void {
  if (this instanceof ChatSocket) this.heard();
}

function hearClose(this: WebSocket): void {
  if (this instanceof ChatSocket) this.wasClosed();
}

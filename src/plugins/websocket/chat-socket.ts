import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { FlushScheduler } from '../../delivery/flush-scheduler.js';
import type { Tally } from '../../domain/counts.js';
import type { Budget } from '../limits/exhausted-budgets.js';
import type { ConnectionCounts, ConnectionKind } from '../streams/connection-counts.js';
import { closeCodes, type Disconnect } from './close-codes.js';
import { textFrame } from './frame.js';
import { FrameRate, type FrameRateLimit } from './frame-rate.js';
import { Outbox } from './outbox.js';
import type { UnsentBytes } from './unsent-bytes.js';
import type { SocketsOfUser } from './user-sockets.js';

export interface ChatSocketOptions {
  flushScheduler: FlushScheduler;
  /** Ping interval in seconds. A peer that sends nothing from one ping to the next is closed. */
  heartbeatSeconds: number;
  /** How long a full outbox may make no progress before the socket is closed, in milliseconds. */
  stallMs: number;
  frameRate: FrameRateLimit;
  /** Unsent bytes of all sockets of the process. */
  unsent: UnsentBytes;
  counts: ConnectionCounts;
  budgets: Tally<Budget>;
}

/** Handles a socket's events. One object takes less memory than a listener per event. */
export interface SocketConsumer {
  receive(data: unknown, isBinary: boolean): void;
  /** The outbox has room again. */
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
  /** Ends `limitUntilAuthenticated`. */
  endLimit?: (() => void) | undefined;
}

/** Permission to receive a large message. `release` is called once, and only after a successful `take`. */
export interface LargeMessageSlot {
  take(): boolean;
  release(): void;
}

/**
 * Bytes that every peer may send before it is authenticated: what proxies accept for one header, where the token may stand
 * instead. Each received chunk counts 256 bytes more, the memory it takes until its frame is complete.
 */
const UNAUTHENTICATED_BYTES = 8 * 1024;
const CHUNK_BYTES = 256;

/**
 * The server's end of a WebSocket, for every subprotocol. It joins the frames of one round into one write, bounds the bytes
 * queued for a slow peer, limits the peer's frame rate, and detects a dead peer.
 *
 * Emits the events of `ws` and `drain`, when a full outbox has room again.
 */
export class ChatSocket extends WebSocket {
  /** Makes the subprotocol's last text frame, which tells the client why the socket closes. */
  closingFrame: ((disconnect: Disconnect) => Buffer) | undefined;
  /** Called after the event listeners. */
  consumer: SocketConsumer | undefined;
  /** Id of the upgrade request, for the log. */
  requestId: string | undefined;

  #attached: Attached | undefined;
  #awaitingRoom: SendCallback[] = [];
  #kind: ConnectionKind | undefined;
  /** The code with which this side closed the socket. */
  #serverCode: number | undefined;
  #pingAt = Number.POSITIVE_INFINITY;
  /** Bytes that had been received at the last ping; undefined before the first. */
  #receivedAtPing: number | undefined;

  /** Call once, after the upgrade and before anything is sent. */
  attach(connection: Socket, options: ChatSocketOptions): void {
    const outbox = new Outbox(connection, options.flushScheduler, () => this.#hasRoomAgain());
    outbox.setBudgets([options.unsent]);
    this.#attached = { connection, outbox, rate: new FrameRate(options.frameRate), userRate: undefined, options };
    this.#pingAt = performance.now() + options.heartbeatSeconds * 1000;
    this.on('message', onMessage);
    this.on('ping', onControlFrame);
    this.on('pong', onControlFrame);
    this.on('close', onClose);
  }

  /** Counts the socket as one of this kind until it is closed. */
  countAs(kind: ConnectionKind): void {
    this.#kind = kind;
    this.#parts.options.counts.add(kind);
  }

  /** For the listeners of this file only. Counts a frame, and hands a message to the consumer. */
  handleFrame(data?: unknown, isBinary = false): void {
    this.#countFrame();
    if (data !== undefined) this.consumer?.receive(data, isBinary);
  }

  /**
   * Until `countForUser`, a peer that sends more than 8 KiB has to take `slot`. Without one the socket is closed with 1009 and
   * its connection cut at once, since a peer can send on until it answers the close frame.
   */
  limitUntilAuthenticated(slot: LargeMessageSlot): void {
    const { connection } = this.#parts;
    let received = 0;
    let hasSlot = false;
    const count = (chunk: Buffer) => {
      received += chunk.length + CHUNK_BYTES;
      if (hasSlot || received <= UNAUTHENTICATED_BYTES) return;
      hasSlot = slot.take();
      if (hasSlot) return;
      this.disconnect(closeCodes.tooMuchBeforeAck);
      this.terminate();
    };
    connection.on('data', count);
    this.#parts.endLimit = () => {
      connection.off('data', count);
      if (hasSlot) slot.release();
    };
  }

  /** Counts frames and unsent bytes for this user too, from now on, and ends `limitUntilAuthenticated`. */
  countForUser(user: SocketsOfUser | undefined): void {
    const { options, outbox } = this.#parts;
    this.#endLimit();
    this.#parts.userRate = user?.rate;
    outbox.setBudgets(user ? [options.unsent, user.unsent] : [options.unsent]);
  }

  get isOpen(): boolean {
    return this.readyState === WebSocket.OPEN;
  }

  get heartbeatSeconds(): number {
    return this.#parts.options.heartbeatSeconds;
  }

  /** False once 1 MiB is unsent: stop sending until `drain`. */
  get hasRoom(): boolean {
    return this.#parts.outbox.hasRoom;
  }

  /**
   * Sends one or several encoded frames (`textFrame()`); the buffer may be shared with other sockets. Dropped when the socket is
   * closing. Closes the socket with `too_slow` when the outbox is overfull.
   */
  sendFrame(frame: Buffer): void {
    if (!this.isOpen) return;
    const { outbox } = this.#parts;
    outbox.push(frame);
    if (outbox.hasRoom) return;
    // Back-pressure: a peer that does not read its answers cannot ask for more.
    this.pause();
    if (outbox.isOverfull) this.#closeSlow();
  }

  override send(data: Data, callback?: SendCallback): void;
  override send(data: Data, options: SendOptions, callback?: SendCallback): void;
  /** As in `ws`, in order with `sendFrame`. For a text, the callback comes when the outbox has room. */
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

  /**
   * Closes the socket: flushes the queue, sends `closingFrame`, then the close frame. The connection is cut when the peer does
   * not answer within `closeTimeout`.
   */
  disconnect(disconnect: Disconnect): void {
    if (!this.isOpen) return;
    if (this.closingFrame) this.#parts.outbox.push(this.closingFrame(disconnect));
    this.close(disconnect.code, disconnect.reason);
  }

  override close(code?: number, data?: string | Buffer): void {
    if (this.isOpen) this.#attached?.outbox.flushAll();
    // `ws` echoes the client's close frame with a buffer, or with nothing.
    if (this.isOpen && typeof data === 'string') this.#serverCode = code;
    super.close(code, data);
    // The peer's close frame has still to be read.
    this.resume();
  }

  /** Call about once a second, with `performance.now()`. Sends pings, and closes a socket whose peer is dead or does not read. */
  checkHealth(now: number): void {
    if (!this.isOpen) return;
    const { connection, outbox, options } = this.#parts;
    if (outbox.isStalled(now, options.stallMs)) {
      this.#closeSlow();
    } else if (now >= this.#pingAt) {
      // Any received byte shows that the peer is alive. While the socket is paused none can be seen.
      if (connection.bytesRead === this.#receivedAtPing && !this.isPaused) {
        this.terminate();
        return;
      }
      this.#receivedAtPing = connection.bytesRead;
      this.#pingAt = now + options.heartbeatSeconds * 1000;
      this.ping();
    }
  }

  /** Drops the queue, which would delay the close frame. A client that reconnects with its cursor misses nothing. */
  #closeSlow(): void {
    const { outbox, options } = this.#parts;
    options.counts.slow += 1;
    outbox.clear();
    this.disconnect(closeCodes.tooSlow);
  }

  #endLimit(): void {
    this.#parts.endLimit?.();
    this.#parts.endLimit = undefined;
  }

  #hasRoomAgain(): void {
    this.resume();
    for (const done of this.#awaitingRoom.splice(0)) done();
    this.emit('drain');
    this.consumer?.drained();
  }

  #countFrame(): void {
    if (!this.isOpen) return;
    const { rate, userRate, options } = this.#parts;
    if (rate.allows() && userRate?.allows() !== false) return;
    options.budgets.add('frames');
    this.disconnect(closeCodes.tooManyFrames);
  }

  /** For the listeners of this file only. */
  handleClose(code: number): void {
    this.#endLimit();
    if (this.#kind) this.#parts.options.counts.remove(this.#kind, this.#serverCode, code);
    this.#parts.outbox.close();
    for (const done of this.#awaitingRoom.splice(0)) done(new Error('The socket was closed.'));
    this.consumer?.closed();
  }

  get #parts(): Attached {
    if (!this.#attached) throw new Error('The socket is used before its upgrade is done.');
    return this.#attached;
  }
}

// Shared by all sockets: closures would take 0.5 KiB per socket.
function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  if (this instanceof ChatSocket) this.handleFrame(data, isBinary);
}

function onControlFrame(this: WebSocket): void {
  if (this instanceof ChatSocket) this.handleFrame();
}

function onClose(this: WebSocket, code: number): void {
  if (this instanceof ChatSocket) this.handleClose(code);
}

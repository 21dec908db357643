import type { Socket } from 'node:net';
import type { FlushScheduler } from '../../delivery/flush-scheduler.js';
import type { ConnectionCounts, ConnectionKind } from '../streams/connection-counts.js';
import { closeCodes, type Disconnect } from '../websocket/close-codes.js';
import { Outbox } from '../websocket/outbox.js';
import type { UnsentBytes } from '../websocket/unsent-bytes.js';

export interface EventStreamOptions {
  flushScheduler: FlushScheduler;
  /** A comment is sent so often, so that proxies keep the connection and clients see that it is alive. Seconds. */
  commentSeconds: number;
  /** How long a full outbox may make no progress before the stream is ended, in milliseconds. */
  stallMs: number;
  counts: ConnectionCounts;
}

/** Makes the last event, which tells the client why the stream ends. */
export type ClosingEvent = (disconnect: Disconnect) => Buffer;

/** Handles what happens to a stream's connection. */
export interface EventStreamConsumer {
  /** The outbox has room again. */
  drained(): void;
  closed(): void;
}

/** How long a peer has to take the last event before its connection is cut, in milliseconds. */
const CLOSE_TIMEOUT_MS = 3000;
/** https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes */
const COMMENT = Buffer.from(':\n\n');

/**
 * The server's end of an event stream, as `ChatSocket` is that of a WebSocket: it joins the events of one round into one write, bounds
 * the bytes queued for a slow peer and ends a stream that is not read.
 */
export class EventStream {
  consumer: EventStreamConsumer | undefined;
  private readonly outbox: Outbox;
  private commentAt: number;
  /** When the connection is cut, once the stream has been ended. */
  private cutAt = Number.POSITIVE_INFINITY;
  /** The code with which this side ended the stream. */
  private serverCode: number | undefined;

  /** @param budgets those of the process and of the user */
  constructor(
    private readonly connection: Socket,
    private readonly options: EventStreamOptions,
    private readonly closingEvent: ClosingEvent,
    private readonly kind: ConnectionKind,
    budgets: readonly UnsentBytes[],
  ) {
    this.outbox = new Outbox(connection, options.flushScheduler, () => this.consumer?.drained());
    this.outbox.setBudgets(budgets);
    this.commentAt = performance.now() + options.commentSeconds * 1000;
    options.counts.add(kind);
    connection.once('close', () => this.closed());
  }

  get isOpen(): boolean {
    return this.cutAt === Number.POSITIVE_INFINITY && !this.connection.destroyed;
  }

  /** False once 1 MiB is unsent: stop sending until `drained`. */
  get hasRoom(): boolean {
    return this.outbox.hasRoom;
  }

  /** A client that has received nothing for twice as long may take its connection for lost. */
  get heartbeatSeconds(): number {
    return this.options.commentSeconds;
  }

  /**
   * Sends one or several encoded events; the buffer may be shared with other streams. Dropped when the stream has ended. Ends the
   * stream with `too_slow` when the outbox is overfull.
   */
  sendFrame(events: Buffer): void {
    if (!this.isOpen) return;
    this.outbox.push(events);
    if (!this.outbox.hasRoom && this.outbox.isOverfull) this.endSlow();
  }

  /** Ends the stream: flushes the queue, sends the closing event, then ends the connection, which is cut 3 s later if need be. */
  disconnect(disconnect: Disconnect): void {
    if (!this.isOpen) return;
    this.outbox.push(this.closingEvent(disconnect));
    this.outbox.flushAll();
    this.cutAt = performance.now() + CLOSE_TIMEOUT_MS;
    this.serverCode = disconnect.code;
    this.connection.end();
  }

  /** Call about once a second, with `performance.now()`. Sends comments, and cuts peers that do not read. */
  checkHealth(now: number): void {
    if (now >= this.cutAt) this.connection.destroy();
    else if (!this.isOpen) return;
    else if (this.outbox.isStalled(now, this.options.stallMs)) this.endSlow();
    else if (now >= this.commentAt) {
      this.commentAt = now + this.options.commentSeconds * 1000;
      if (this.outbox.unsentBytes === 0) this.outbox.push(COMMENT);
    }
  }

  /** Drops the queue, which would delay the last event. A client that comes back with its cursor misses nothing. */
  private endSlow(): void {
    this.options.counts.slow += 1;
    this.outbox.clear();
    this.disconnect(closeCodes.tooSlow);
  }

  private closed(): void {
    this.options.counts.remove(this.kind, this.serverCode);
    this.outbox.close();
    this.consumer?.closed();
  }
}

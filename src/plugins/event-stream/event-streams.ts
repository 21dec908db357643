import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { ConnectionKind } from '../streams/connection-counts.js';
import { closeCodes } from '../websocket/close-codes.js';
import type { UnsentBytes } from '../websocket/unsent-bytes.js';
import type { UserSockets } from '../websocket/user-sockets.js';
import { type ClosingEvent, EventStream, type EventStreamOptions } from './event-stream.js';
import { takeOver } from './take-over.js';

/** The stream is for this client alone: a proxy must neither store nor compress it, and nginx must pass each event on at once. */
const HEADERS: OutgoingHttpHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};
/** Milliseconds after which an EventSource connects again. */
const RETRY = Buffer.from('retry: 2000\n\n');

/** Who a stream is for. */
export interface StreamOwner {
  kind: ConnectionKind;
  /** The key that the user's limits count under (`holderOf`). */
  holder: string;
  closingEvent: ClosingEvent;
  /** Called when the connection is closed. */
  onClose: () => void;
}

/** The event streams of the process. */
export class EventStreams {
  private readonly streams = new Set<EventStream>();
  private isDraining = false;
  private onEmpty: () => void = () => {};

  /** @param unsent unsent bytes of all sockets of the process */
  constructor(
    private readonly users: UserSockets,
    private readonly unsent: UnsentBytes,
    private readonly options: EventStreamOptions,
  ) {}

  /**
   * Makes the answer to a request an event stream. Its connection must be open.
   * @throws DomainError `RATE_LIMITED` when the user has the most sockets and streams allowed
   */
  open(reply: FastifyReply, { kind, holder, closingEvent, onClose }: StreamOwner): EventStream {
    const { socket } = reply.request.raw;
    this.users.claim(holder, socket);
    const user = this.users.of(holder);
    takeOver(reply, HEADERS);
    const stream = new EventStream(
      socket,
      this.options,
      closingEvent,
      kind,
      user ? [this.unsent, user.unsent] : [this.unsent],
    );
    this.streams.add(stream);
    socket.once('close', () => {
      this.streams.delete(stream);
      onClose();
      if (this.streams.size === 0) this.onEmpty();
    });
    stream.sendFrame(RETRY);
    if (this.isDraining) stream.disconnect(closeCodes.draining);
    return stream;
  }

  /** Call about once a second. */
  checkHealth(): void {
    const now = performance.now();
    for (const stream of this.streams) stream.checkHealth(now);
  }

  /** Ends all streams with 1012, and those that open from now on. Resolves when all are closed, within 4 s. */
  async drain(): Promise<void> {
    this.isDraining = true;
    if (this.streams.size === 0) return;
    const isEmpty = new Promise<void>((resolve) => {
      this.onEmpty = resolve;
    });
    for (const stream of this.streams) stream.disconnect(closeCodes.draining);
    await isEmpty;
  }
}

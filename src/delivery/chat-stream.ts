import { DomainError } from '../domain/errors.js';
import { type ChatEvent, endsStreamOf } from '../domain/log/chat-events.js';
import type { LogHead, LogPage } from '../domain/log/chat-log.js';
import type { Cursor } from '../domain/log/cursor.js';
import type { ChatSignal } from '../domain/signals.js';
import type { Viewer } from '../domain/viewer.js';
import type { ChatFeed, FeedListener } from './chat-feed.js';
import type { EventHolder, Replace } from './event-holder.js';
import type { StreamEnd, StreamSink } from './stream-sink.js';

interface StreamStart {
  /** The viewer as of now: a role may change while the stream is open. */
  viewer: () => Viewer;
  /** The chat's head when the viewer was admitted. */
  head: LogHead;
  after: Cursor | undefined;
  /** Whether an event is the stream's last. Default: as `endsStreamOf` says. */
  ends?: ((event: ChatEvent) => StreamEnd | undefined) | undefined;
  /** Whether the sink, which takes signals, hears them; `hearSignals` changes it. */
  signals: boolean;
}

/** What a stream needs of the process around it. One for all streams. */
export interface StreamHost {
  /** Admits the viewer again after the history was replaced. @throws DomainError `NOT_FOUND` */
  admit(feed: ChatFeed, viewer: () => Viewer): Promise<LogHead>;
  /** Runs `read` when a slot for the viewer's reads is free, and frees the slot afterwards. */
  withReadSlot(viewer: Viewer, read: () => Promise<void>): Promise<void>;
  closed(stream: ChatStream, feed: ChatFeed): void;
  /** The stream is to hear the chat's signals, or not any more. Resolves when it does. */
  signalsChanged(stream: ChatStream, feed: ChatFeed): Promise<void>;
  failed(error: unknown): void;
}

/** The delay before a failed read is retried, in milliseconds. */
const RETRY_MS = 500;
/** Events per read. */
const MAX_PAGE_LENGTH = 256;
const MIN_PAGE_LENGTH = 16;

/**
 * Delivers one chat to one consumer: the history after a cursor, then live events, without a gap, a repetition or a swap. It reads
 * pages until the feed's memory holds the rest, delivers that, and joins the feed in the same turn of the event loop. When the
 * consumer is full, the stream leaves the feed and later starts again from its position. Until then it holds nothing but that
 * position, however long the history and however slow the consumer.
 */
export class ChatStream implements FeedListener, EventHolder {
  readonly chatId: string;
  private takesSignals: boolean;
  /** Resolves when the signals that it takes are heard. A stream that begins with them was opened behind that. */
  private subscribed: Promise<void> = Promise.resolve();
  /** The chat's head when the viewer was admitted. A client that gets no event and reconnects with this cursor misses nothing. */
  readonly head: Cursor;
  private position: Cursor;
  private state: 'new' | 'reading' | 'live' | 'paused' | 'ended' | 'closed' = 'new';
  /** Events per read: as many as the consumer took last, so that a slow one makes few be read twice. */
  private pageLength = MAX_PAGE_LENGTH;
  private isLiveAnnounced = false;
  private retryTimer: NodeJS.Timeout | undefined;
  private readonly viewer: () => Viewer;
  private readonly ends: (event: ChatEvent) => StreamEnd | undefined;
  /** The chat's newest number when the viewer was admitted. A removal with a higher number ends the stream. */
  private admittedSeq: number;
  /** Whether the chat was deleted before that. */
  private isOfDeleted: boolean;
  /** The feed's `generation` that this stream is in. */
  private generation: number;

  constructor(
    private readonly feed: ChatFeed,
    private readonly sink: StreamSink,
    private readonly host: StreamHost,
    { viewer, head, after, ends, signals }: StreamStart,
  ) {
    this.viewer = viewer;
    this.ends = ends ?? ((event) => endsStreamOf(event, viewer()));
    this.admittedSeq = head.seq;
    this.isOfDeleted = head.isDeleted === true;
    this.generation = feed.generation;
    this.chatId = feed.chatId;
    this.takesSignals = signals;
    this.head = { epoch: head.epoch, seq: head.seq };
    this.position = { ...(after ?? this.head) };
  }

  /** Starts delivery. */
  start(): void {
    if (this.state !== 'new') return;
    this.state = 'paused';
    this.feed.attach(this);
    const { head } = this;
    this.guard(() => {
      if (this.position.epoch !== head.epoch || this.position.seq > head.seq) this.restart(head);
    });
    this.resume();
  }

  /** Continues after the consumer was full. */
  resume(): void {
    if (this.state !== 'paused') return;
    clearTimeout(this.retryTimer);
    this.state = 'reading';
    void this.read();
  }

  get hearsSignals(): boolean {
    return this.takesSignals;
  }

  /** Gives its sink the chat's signals, or no more. Resolves when a stream that is live hears them. */
  hearSignals(hears: boolean): Promise<void> {
    if (!this.isOver && hears !== this.takesSignals) {
      this.takesSignals = hears;
      this.subscribed = this.host.signalsChanged(this, this.feed);
    }
    return this.subscribed;
  }

  /** Ends the stream without a further call of its sink. */
  close(): void {
    if (this.state === 'closed') return;
    this.stop();
    this.state = 'closed';
    this.feed.detach(this);
    this.host.closed(this, this.feed);
  }

  /** Delivers nothing more. What the sink holds is replaced when it changes, until `close`. */
  stop(): void {
    if (this.isOver) return;
    this.state = 'ended';
    clearTimeout(this.retryTimer);
    this.feed.delete(this);
  }

  /** The number up to which the consumer has the chat, when nothing more is known of it; undefined otherwise. */
  get quietSeq(): number | undefined {
    const { feed, position } = this;
    return this.state === 'live' && position.seq === feed.lastSeq && feed.isQuiet ? position.seq : undefined;
  }

  replace(replace: Replace): void {
    if (this.sink.holdsEvents) this.guard(() => this.sink.replace(replace));
  }

  private get isOver(): boolean {
    return this.state === 'ended' || this.state === 'closed';
  }

  deliver(events: readonly ChatEvent[]): void {
    if (!this.canDeliver) {
      this.pause();
      return;
    }
    // A stream that has just joined the feed may have got the first of these from the log or from the feed's memory.
    const { seq } = this.position;
    const areAllNew = events[0] !== undefined && events[0].seq > seq;
    const newEvents = areAllNew ? events : events.filter((event) => event.seq > seq);
    if (newEvents.length > 0) this.guard(() => this.deliverToSink(newEvents));
  }

  private get canDeliver(): boolean {
    return this.sink.canTake ?? true;
  }

  /** Waits for `resume`. */
  private pause(): void {
    this.state = 'paused';
    this.feed.delete(this);
  }

  signal(signal: ChatSignal): void {
    if (!this.takesSignals) return;
    if (signal.type === 'typing' && signal.user.id === this.viewer().user?.id) return;
    this.guard(() => this.sink.signal?.(signal));
  }

  historyReplaced(): void {
    this.feed.delete(this);
    this.state = 'reading';
    void this.read();
  }

  chatNotFound(): void {
    this.end('not_found');
  }

  private async read(): Promise<void> {
    while (this.state === 'reading') {
      try {
        await this.readNext();
      } catch (error) {
        this.host.failed(error);
        this.retryLater();
      }
    }
  }

  private async readNext(): Promise<void> {
    if (!this.isInFeedsHistory()) return this.readmit();
    const recent = this.feed.since(this.position.seq);
    if (recent) return this.guard(() => this.takeRecent(recent));
    await this.host.withReadSlot(this.viewer(), async () => {
      if (this.state !== 'reading' || !this.isInFeedsHistory()) return;
      if (!this.canDeliver) return this.pause();
      const page = await this.feed.page(this.position.seq, this.pageLength);
      // The history may have been replaced during the read.
      if (this.state === 'reading' && this.isInFeedsHistory()) this.guard(() => this.takePage(page));
    });
  }

  private isInFeedsHistory(): boolean {
    return this.generation === this.feed.generation && this.position.epoch === (this.feed.epoch ?? this.position.epoch);
  }

  /** A replaced history may have other members, so the viewer has to be admitted again. */
  private async readmit(): Promise<void> {
    try {
      const head = await this.host.admit(this.feed, this.viewer);
      if (this.state !== 'reading') return;
      this.generation = this.feed.generation;
      this.admittedSeq = head.seq;
      this.isOfDeleted = head.isDeleted === true;
      this.guard(() => this.restart(head));
    } catch (error) {
      if (!(error instanceof DomainError && error.code === 'NOT_FOUND')) throw error;
      this.end('not_found');
    }
  }

  /** The database may be away for a while: the stream says nothing and continues when it is back. */
  private retryLater(): void {
    if (this.state !== 'reading') return;
    this.state = 'paused';
    this.retryTimer = setTimeout(() => this.resume(), RETRY_MS);
  }

  /** Delivers events from the feed's memory, and joins the feed when there are no more. */
  private takeRecent(page: LogPage): void {
    this.take(page);
    if (this.state !== 'reading' || this.position.seq < this.feed.lastSeq) return;
    if (this.isOfDeleted) {
      this.end('deleted');
      return;
    }
    this.state = 'live';
    this.feed.add(this);
    this.announceLive();
  }

  private announceLive(): void {
    if (this.isLiveAnnounced) return;
    this.isLiveAnnounced = true;
    this.sink.live({ ...this.position });
  }

  private takePage(page: LogPage): void {
    const taken = this.take(page);
    const length = this.state === 'paused' ? taken : this.pageLength * 2;
    this.pageLength = Math.min(MAX_PAGE_LENGTH, Math.max(MIN_PAGE_LENGTH, length));
  }

  /** Delivers a page until the consumer is full. Returns how many events were delivered. */
  private take(page: LogPage): number {
    let taken = 0;
    for (const event of page.events) {
      if (event.seq <= this.position.seq) continue;
      if (!this.canDeliver) {
        this.pause();
        return taken;
      }
      this.deliverToSink([event]);
      taken += 1;
      if (this.state !== 'reading') return taken;
    }
    this.position.seq = Math.max(this.position.seq, page.upTo);
    return taken;
  }

  /** Delivers events up to and including the first that ends the viewer's stream. */
  private deliverToSink(events: readonly ChatEvent[]): void {
    const endIndex = events.findIndex((event) => this.endWith(event) !== undefined);
    const delivered = endIndex === -1 ? events : events.slice(0, endIndex + 1);
    const newest = delivered.at(-1);
    this.position.seq = newest?.seq ?? this.position.seq;
    const hasRoom = this.sink.deliver(delivered);
    if (this.isOver) return;
    const end = newest && this.endWith(newest);
    if (end) {
      this.end(end);
    } else if (!hasRoom) {
      this.pause();
    }
  }

  /** A removal before the viewer was admitted does not count: the user has become a member again since. A deletion always does. */
  private endWith(event: ChatEvent): StreamEnd | undefined {
    const end = this.ends(event);
    return end === 'deleted' || event.seq > this.admittedSeq ? end : undefined;
  }

  private restart({ epoch, seq }: Cursor): void {
    this.position = { epoch, seq };
    this.isLiveAnnounced = false;
    this.sink.reset({ epoch, seq });
  }

  private end(reason: StreamEnd): void {
    if (this.isOver) return;
    this.stop();
    this.sink.end(reason);
    if (!this.sink.holdsEvents) this.close();
  }

  /** An error of one consumer ends its own stream; the chat's other streams continue. */
  private guard(step: () => void): void {
    if (this.state === 'closed') return;
    try {
      step();
    } catch (error) {
      this.host.failed(error);
      this.end('failed');
    }
  }
}

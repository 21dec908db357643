import { Distribution } from '../domain/counts.js';

/** A socket with frames to write in the next flush. */
export interface Writer {
  flush(): void;
}

/** A feed with events to deliver in the next flush. */
export interface Feed {
  /** Written by the scheduler: whether the feed is part of the next flush. */
  isDue: boolean;
  flush(): void;
}

/** The longest delay of a flush in a busy process, in milliseconds. */
const MAX_WINDOW_MS = 15;
/** Each 16th window lasts to its end, to find out whether more events come together than `typicalEvents` says. */
const WINDOWS_PER_FULL_WINDOW = 16;
/** `typicalEvents` is multiplied by this after a flush with fewer events. */
const DECAY = 0.98;
/** The weight of the latest flush in the moving average `batching`. */
const SMOOTHING = 0.25;
/** With one feed, sockets write each time that so many of its listeners have got their events. */
const LISTENERS_PER_WRITE = 128;

/**
 * One per process. Batches delivery: at the end of a turn of the event loop, the feeds deliver their new events to their
 * listeners, then each socket writes all that it was sent, once. Calling a listener or writing to a socket costs microseconds,
 * however much data there is.
 *
 * When only one feed has events, frames that are queued already leave first: the feed may have a thousand listeners, and
 * acknowledgements are among those frames. Its listeners' sockets then write 128 at a time, so that the first need not wait for
 * the last. When several feeds have events, the acknowledgement and the sender's own copy of the message share a write instead.
 *
 * The batching window: when recent flushes had several events per feed, events that come soon after a flush wait for others, at
 * most as long as that flush took. At a thousand sockets of one chat a write then has eight frames instead of four, and messages
 * arrive in half the time. Many chats with one event each have nothing to batch, and get no window. In a process with little to
 * do flushes are short, so windows are short too; an event that does not come soon after a flush does not wait.
 *
 * A window ends early once as many events have come as is typical, since senders who wait for their acknowledgements send no
 * more until then. With eight messages in flight at a thousand sockets this gives half as many messages again.
 */
export class FlushScheduler {
  /** Events of all chats that one flush delivered. */
  readonly eventsPerFlush = new Distribution([1, 2, 5, 10, 20, 50, 100, 200, 500]);
  /** Connections that were written to in one flush. */
  readonly writesPerFlush = new Distribution([1, 10, 100, 1000, 10_000]);
  private feeds: Feed[] = [];
  private writers: Writer[] = [];
  private isDue = false;
  private isOneFeed = false;
  private window: NodeJS.Timeout | undefined;
  private windowCount = 0;
  /** The length of a window that begins now, in milliseconds. No window begins after `windowsUntil`. */
  private windowMs = 0;
  private windowsUntil = 0;
  /** Events since the last flush. */
  private events = 0;
  /** The most events of one recent flush, decaying. */
  private typicalEvents = 0;
  /** How well recent flushes could be batched: the moving average of 0 for one event per feed to 1 for two or more. */
  private batching = 0;

  /** Schedules a flush of the feed, which has one more event. */
  addEvent(feed: Feed): void {
    if (!feed.isDue) {
      feed.isDue = true;
      this.feeds.push(feed);
    }
    this.events += 1;
    this.schedule();
    if (this.window && this.hasTypicalEvents) this.endWindow(this.window);
  }

  addWriter(writer: Writer): void {
    this.writers.push(writer);
    if (this.isOneFeed && this.writers.length >= LISTENERS_PER_WRITE) this.write();
    this.schedule();
  }

  private schedule(): void {
    if (this.isDue) return;
    this.isDue = true;
    // Timers have a resolution of one millisecond.
    if (this.windowMs < 1 || performance.now() >= this.windowsUntil) {
      setImmediate(() => this.flush());
    } else {
      this.windowCount += 1;
      this.window = setTimeout(() => this.flush(), this.windowMs);
    }
  }

  private get hasTypicalEvents(): boolean {
    return this.events >= this.typicalEvents && this.windowCount % WINDOWS_PER_FULL_WINDOW !== 0;
  }

  private endWindow(window: NodeJS.Timeout): void {
    clearTimeout(window);
    this.window = undefined;
    setImmediate(() => this.flush());
  }

  private flush(): void {
    this.window = undefined;
    if (this.feeds.length === 1) this.write();
    if (this.feeds.length > 0) this.deliver();
    else this.write();
    this.isDue = false;
    // Something was added during the writes.
    if (this.feeds.length > 0 || this.writers.length > 0) this.schedule();
  }

  /** Flushes the feeds and the sockets, and derives the next window from how long it took and how many events there were. */
  private deliver(): void {
    const { feeds, events } = this;
    this.eventsPerFlush.record(events);
    const startedAt = performance.now();
    this.feeds = [];
    this.events = 0;
    this.isOneFeed = feeds.length === 1;
    for (const feed of feeds) {
      feed.isDue = false;
      feed.flush();
    }
    this.isOneFeed = false;
    this.write();
    const endedAt = performance.now();
    this.typicalEvents = Math.max(events, this.typicalEvents * DECAY);
    this.batching += SMOOTHING * (Math.min(1, events / feeds.length - 1) - this.batching);
    this.windowMs = Math.min((endedAt - startedAt) * this.batching, MAX_WINDOW_MS);
    this.windowsUntil = endedAt + 2 * this.windowMs;
  }

  private write(): void {
    const { writers } = this;
    if (writers.length > 0) this.writesPerFlush.record(writers.length);
    this.writers = [];
    for (const writer of writers) writer.flush();
  }
}

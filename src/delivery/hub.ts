import { type ChatEvent, type KnownEntry, toEvent } from '../domain/log/chat-events.js';
import type { ChatHead } from '../domain/log/chat-log.js';
import { type Bus, CHAT_TOPIC_PREFIX, chatTopic } from './bus.js';
import { ChatFeed, type FeedPosition } from './chat-feed.js';
import { DeliveryCounts } from './delivery-counts.js';
import { MalformedEvent, parseEvent } from './event-on-bus.js';
import type { FlushScheduler } from './flush-scheduler.js';
import type { LogReader } from './shared-pages.js';
import { Signals } from './signals/signals.js';
import { ThrottledReport } from './throttled-report.js';

/** Is told once of a chat that has no stream of its own: when its next event comes, or when there is no such chat any more. */
export interface ChatWatcher {
  /** `acquire` in the same turn gets the feed that has the event. */
  changed(chatId: string): void;
}

/** Topics that were subscribed together. */
interface Subscription {
  done: Promise<void>;
  /** When it was done, by `performance.now()`; infinity before that. */
  since: number;
}

/** A chat that somebody listens to in this process. */
interface OpenChat {
  readonly chatId: string;
  readonly subscription: Subscription;
  /** While somebody holds it. */
  feed: ChatFeed | undefined;
  /** When the feed was made, by `performance.now()`. */
  feedSince: number;
  holders: number;
  watchers: Set<ChatWatcher> | undefined;
}

const CLOSED = { feed: undefined, feedSince: 0, holders: 0, watchers: undefined };

/** Reads the heads of the open chats in the probe's place, together with what it needs of the same moment. */
export interface HeadReader {
  read(chatIds: readonly string[]): Promise<readonly ChatHead[]>;
  /** The feeds have been compared with what `read` returned. */
  compared(): Promise<void>;
}

export interface HubOptions {
  /** How often the heads of the open chats are compared with their feeds, in milliseconds. */
  probeIntervalMs: number;
  /** See `ChatFeed`. */
  gapGraceMs?: number;
  /** Called for an error that will be retried. */
  onError: (error: unknown, doing: string) => void;
}

/**
 * One per process: the feeds of the chats that have streams here, and the probe that finds a last event that the bus lost. A chat that is
 * only watched has no feed: its watchers wait for its next event.
 */
export class Hub {
  /** The signals of the chats, which their feeds deliver. */
  readonly signals: Signals;
  readonly counts = new DeliveryCounts();
  private readonly chats = new Map<string, OpenChat>();
  private readonly timer: NodeJS.Timeout;
  private isProbing = false;
  /** Set while there are streams over all chats of a user. */
  headReader: HeadReader | undefined;
  /** The event of the `publish` call under way. This process takes it as it is instead of parsing its own payload. */
  private publishing: { payload: string; event: ChatEvent } | undefined;
  private readonly onRepairError = (error: unknown) => this.options.onError(error, 'read missing events from the log');
  private readonly malformed = new ThrottledReport<MalformedEvent>((error, count) =>
    this.options.onError(error, `read ${count} of the events from the bus`),
  );

  constructor(
    private readonly bus: Bus,
    private readonly log: LogReader,
    private readonly scheduler: Pick<FlushScheduler, 'addEvent'>,
    private readonly options: HubOptions,
  ) {
    this.signals = new Signals(bus, options.onError);
    bus.onReset(() => {
      this.counts.busResets += 1;
      this.probe();
    });
    this.timer = setInterval(() => {
      this.trim();
      this.probe();
    }, options.probeIntervalMs).unref();
  }

  /** Publishes a committed event to every process, this one included. When the bus is away, feeds find the event by their probe. */
  announce(entry: KnownEntry): void {
    const payload = JSON.stringify(entry);
    this.publishing = { payload, event: toEvent(entry) };
    this.counts.announce();
    this.bus.publish(chatTopic(entry.chatId), payload).catch((error: unknown) => {
      this.counts.unpublished += 1;
      this.options.onError(error, 'publish an event');
    });
    this.publishing = undefined;
  }

  /** Returns the chat's feed, subscribed to the bus. It stays open until each holder has released it. */
  async acquire(chatId: string): Promise<ChatFeed> {
    const [open] = this.enter([chatId]);
    if (!open) throw new Error('A chat was not opened.');
    const feed = this.hold(open);
    await open.subscription.done;
    return feed;
  }

  /** The watcher is told of the next event of each of these chats. Resolves when they are subscribed to the bus. */
  async watch(chatIds: readonly string[], watcher: ChatWatcher): Promise<void> {
    const subscriptions = new Set<Subscription>();
    for (const open of this.enter(chatIds)) {
      open.watchers ??= new Set();
      open.watchers.add(watcher);
      subscriptions.add(open.subscription);
    }
    for (const { done } of subscriptions) await done;
  }

  /** The watcher is told nothing of these chats any more, as far as it was to be told of them. */
  unwatch(chatIds: Iterable<string>, watcher: ChatWatcher): void {
    const left: OpenChat[] = [];
    for (const chatId of chatIds) {
      const open = this.chats.get(chatId);
      if (!open?.watchers?.delete(watcher)) continue;
      if (open.watchers.size === 0) open.watchers = undefined;
      left.push(open);
    }
    this.leave(left);
  }

  /** The chat's head now; undefined when there is no such chat. */
  async head(chatId: string): Promise<ChatHead | undefined> {
    const [head] = await this.log.heads([chatId]);
    return head;
  }

  /** Since when the feed gets what the bus brings, by `performance.now()`; infinity when it gets nothing. */
  subscribedSince(feed: ChatFeed): number {
    const open = this.chats.get(feed.chatId);
    return open?.feed === feed ? Math.max(open.subscription.since, open.feedSince) : Number.POSITIVE_INFINITY;
  }

  release(feed: ChatFeed): void {
    const open = this.chats.get(feed.chatId);
    if (!open || open.feed !== feed) return;
    open.holders -= 1;
    if (open.holders > 0) return;
    open.feed = undefined;
    feed.close();
    this.leave([open]);
  }

  /** Chats that somebody listens to in this process. */
  get size(): number {
    return this.chats.size;
  }

  /** Drops old events from the feeds' memory. An event survives one call, so a quiet chat holds none after two. */
  trim(): void {
    for (const { feed } of this.chats.values()) feed?.trim();
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** One subscription for the chats that are not open yet. */
  private enter(chatIds: readonly string[]): OpenChat[] {
    const missing = chatIds.filter((chatId) => !this.chats.has(chatId));
    if (missing.length > 0) {
      const done = this.bus.subscribe(missing.map(chatTopic), this.received);
      const subscription: Subscription = { done, since: Number.POSITIVE_INFINITY };
      subscription.done = done.then(() => {
        subscription.since = performance.now();
      });
      for (const chatId of missing) this.chats.set(chatId, { chatId, subscription, ...CLOSED });
    }
    return chatIds.flatMap((chatId) => this.chats.get(chatId) ?? []);
  }

  private hold(open: OpenChat): ChatFeed {
    if (!open.feed) {
      const { log, scheduler, onRepairError, counts } = this;
      open.feed = new ChatFeed(open.chatId, log, scheduler, onRepairError, this.options.gapGraceMs, counts);
      open.feedSince = performance.now();
    }
    open.holders += 1;
    return open.feed;
  }

  /** Ends the subscriptions of the chats that nobody holds or watches any more. */
  private leave(chats: readonly OpenChat[]): void {
    const unused = chats.filter(({ feed, watchers }) => feed === undefined && watchers === undefined);
    if (unused.length === 0) return;
    for (const { chatId } of unused) this.chats.delete(chatId);
    this.bus.unsubscribe(
      unused.map(({ chatId }) => chatTopic(chatId)),
      this.received,
    );
  }

  /** One function for all chats, of which there may be tens of thousands. */
  private readonly received = (payload: string, topic: string): void => {
    const open = this.chats.get(topic.slice(CHAT_TOPIC_PREFIX.length));
    if (!open) return;
    if (open.watchers) this.tellWatchers(open, (feed) => this.receive(feed, payload));
    else if (open.feed) this.receive(open.feed, payload);
  };

  /** @param before what the feed is told before the watchers get it */
  private tellWatchers(open: OpenChat, before: (feed: ChatFeed) => void): void {
    const { watchers = [] } = open;
    const feed = this.hold(open);
    open.watchers = undefined;
    before(feed);
    for (const watcher of watchers) watcher.changed(open.chatId);
    this.release(feed);
  }

  private receive(feed: ChatFeed, payload: string): void {
    try {
      feed.receive(payload === this.publishing?.payload ? this.publishing.event : parseEvent(feed.chatId, payload));
    } catch (error) {
      if (error instanceof MalformedEvent) this.receiveMalformed(feed, error);
      else this.options.onError(error, 'read a payload from the bus');
    }
  }

  /** A malformed event may come from another version of the service. It is treated as lost: the log has it. */
  private receiveMalformed(feed: ChatFeed, error: MalformedEvent): void {
    this.malformed.add(error);
    if (error.cursor) feed.receiveUnreadable(error.cursor);
  }

  /** Compares the feeds with the chats' heads, unless it is doing so. This alone finds a lost event that no other event follows. */
  probe(): void {
    if (!this.isProbing && (this.chats.size > 0 || this.headReader)) void this.compare();
  }

  /** A watcher that then gets the feed is told by it that there is no such chat: at the next probe. */
  private tellOfMissing(chatIds: readonly string[], found: ReadonlySet<string>): void {
    for (const chatId of chatIds) {
      const open = found.has(chatId) ? undefined : this.chats.get(chatId);
      if (open?.watchers) this.tellWatchers(open, () => {});
    }
  }

  private async compare(): Promise<void> {
    const { headReader } = this;
    this.isProbing = true;
    try {
      const chatIds = [...this.chats.keys()];
      const missing = new Map<string, { feed: ChatFeed; before: FeedPosition }>();
      for (const { chatId, feed } of this.chats.values())
        if (feed) missing.set(chatId, { feed, before: feed.position });
      const heads = await (headReader?.read(chatIds) ?? this.log.heads(chatIds));
      for (const head of heads) {
        const entry = missing.get(head.chatId);
        missing.delete(head.chatId);
        if (entry && this.chats.get(head.chatId)?.feed === entry.feed) entry.feed.observe(head, entry.before);
      }
      for (const { feed } of missing.values()) feed.chatNotFound();
      if (heads.length < chatIds.length) this.tellOfMissing(chatIds, new Set(heads.map(({ chatId }) => chatId)));
      await headReader?.compared();
    } catch (error) {
      this.options.onError(error, 'compare the open chats with the log');
    } finally {
      this.isProbing = false;
    }
  }
}

import { type ChatEvent, type KnownEntry, toEvent } from '../domain/log/chat-events.js';
import type { ChatHead } from '../domain/log/chat-log.js';
import { type Bus, chatTopic } from './bus.js';
import { ChatFeed } from './chat-feed.js';
import { MalformedEvent, parseEvent } from './event-on-bus.js';
import type { FlushScheduler } from './flush-scheduler.js';
import type { LogReader } from './shared-pages.js';
import { Signals } from './signals/signals.js';
import { ThrottledReport } from './throttled-report.js';

interface OpenFeed {
  feed: ChatFeed;
  holders: number;
  /** Resolves, once subscribed to the chat's topic, to the function that unsubscribes. */
  subscribed: Promise<() => void>;
  /** When the subscription began, by `performance.now()`; infinity before that. */
  subscribedAt: number;
}

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

/** One per process: the feeds of the chats that have streams here, and the probe that finds a last event that the bus lost. */
export class Hub {
  /** The signals of the chats, which their feeds deliver. */
  readonly signals: Signals;
  private readonly feeds = new Map<string, OpenFeed>();
  private readonly timer: NodeJS.Timeout;
  private isProbing = false;
  /** Set while there are streams over all chats of a user. */
  headReader: HeadReader | undefined;
  /** The event of the `publish` call under way. This process takes it as it is instead of parsing its own payload. */
  private publishing: { payload: string; event: ChatEvent } | undefined;
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
    bus.onReset(() => void this.probe());
    this.timer = setInterval(() => {
      this.trim();
      void this.probe();
    }, options.probeIntervalMs).unref();
  }

  /** Publishes a committed event to every process, this one included. When the bus is away, feeds find the event by their probe. */
  announce(entry: KnownEntry): void {
    const payload = JSON.stringify(entry);
    this.publishing = { payload, event: toEvent(entry) };
    this.bus.publish(chatTopic(entry.chatId), payload).catch((error: unknown) => {
      this.options.onError(error, 'publish an event');
    });
    this.publishing = undefined;
  }

  /** Returns the chat's feed, subscribed to the bus. It stays open until each holder has released it. */
  async acquire(chatId: string): Promise<ChatFeed> {
    let open = this.feeds.get(chatId);
    if (!open) {
      const onRepairError = (error: unknown) => this.options.onError(error, 'read missing events from the log');
      const feed = new ChatFeed(chatId, this.log, this.scheduler, onRepairError, this.options.gapGraceMs);
      open = {
        feed,
        holders: 0,
        subscribed: this.bus.subscribe(chatTopic(chatId), (payload) => this.receive(feed, payload)),
        subscribedAt: Number.POSITIVE_INFINITY,
      };
      this.feeds.set(chatId, open);
    }
    open.holders += 1;
    await open.subscribed;
    open.subscribedAt = Math.min(open.subscribedAt, performance.now());
    return open.feed;
  }

  /** The chat's head now; undefined when there is no such chat. */
  async head(chatId: string): Promise<ChatHead | undefined> {
    const [head] = await this.log.heads([chatId]);
    return head;
  }

  /** When the feed's bus subscription began, by `performance.now()`; infinity when it has none. */
  subscribedSince(feed: ChatFeed): number {
    const open = this.feeds.get(feed.chatId);
    return open?.feed === feed ? open.subscribedAt : Number.POSITIVE_INFINITY;
  }

  release(feed: ChatFeed): void {
    const open = this.feeds.get(feed.chatId);
    if (!open || open.feed !== feed) return;
    open.holders -= 1;
    if (open.holders > 0) return;
    this.feeds.delete(feed.chatId);
    feed.close();
    void open.subscribed.then((unsubscribe) => unsubscribe());
  }

  /** Chats with streams in this process. */
  get size(): number {
    return this.feeds.size;
  }

  /** Drops old events from the feeds' memory. An event survives one call, so a quiet chat holds none after two. */
  trim(): void {
    for (const { feed } of this.feeds.values()) feed.trim();
  }

  close(): void {
    clearInterval(this.timer);
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

  /** Compares the feeds with the chats' heads. This alone finds a lost event that no other event follows. */
  private async probe(): Promise<void> {
    const { headReader } = this;
    if (this.isProbing || (this.feeds.size === 0 && !headReader)) return;
    this.isProbing = true;
    try {
      const missing = new Map(
        [...this.feeds.values()].map(({ feed }) => [feed.chatId, { feed, before: feed.position }]),
      );
      for (const head of await (headReader?.read([...missing.keys()]) ?? this.log.heads([...missing.keys()]))) {
        const entry = missing.get(head.chatId);
        missing.delete(head.chatId);
        if (entry && this.feeds.get(head.chatId)?.feed === entry.feed) entry.feed.observe(head, entry.before);
      }
      for (const { feed } of missing.values()) feed.chatNotFound();
      await headReader?.compared();
    } catch (error) {
      this.options.onError(error, 'compare the open chats with the log');
    } finally {
      this.isProbing = false;
    }
  }
}

import type { ChatEvent } from '../domain/chat-events.js';
import { type Bus, chatTopic } from './bus.js';
import { ChatFeed, type LogReader } from './chat-feed.js';
import type { Rounds } from './rounds.js';

interface OpenFeed {
  feed: ChatFeed;
  holders: number;
  /** Resolves, when the bus brings the chat's changes, to the way to end that. */
  subscribed: Promise<() => void>;
  /** When it began to, by `performance.now()`; not yet: infinity. */
  subscribedAt: number;
}

export interface HubOptions {
  /** How often the heads of the open chats are compared with what was delivered, in milliseconds. */
  probeIntervalMs: number;
  /** See `ChatFeed`. */
  holePatienceMs?: number;
  /** Something of the delivery failed and will be tried again. */
  onError: (error: unknown, doing: string) => void;
}

/** One per process: the feeds of the chats that have streams here, and the probe that finds what the bus lost at their ends. */
export class Hub {
  private readonly feeds = new Map<string, OpenFeed>();
  private readonly timer: NodeJS.Timeout;
  private probing = false;
  /** What is being published right now: this process need not read its own writing. */
  private announced: { payload: string; event: ChatEvent } | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly log: LogReader,
    private readonly rounds: Pick<Rounds, 'addChange'>,
    private readonly options: HubOptions,
  ) {
    bus.onReset(() => void this.probe());
    this.timer = setInterval(() => {
      this.forgetOld();
      void this.probe();
    }, options.probeIntervalMs).unref();
  }

  /** Sends a committed change to everybody's hub, this process's included. A bus that is away costs nobody the change. */
  announce(event: ChatEvent): void {
    const payload = JSON.stringify(event);
    this.announced = { payload, event };
    this.bus.publish(chatTopic(event.chatId), payload).catch((error: unknown) => {
      this.options.onError(error, 'publish a change');
    });
    this.announced = undefined;
  }

  /** The feed of a chat, which stays until every holder has released it. */
  async acquire(chatId: string): Promise<ChatFeed> {
    let open = this.feeds.get(chatId);
    if (!open) {
      const onRepairError = (error: unknown) => this.options.onError(error, 'read a hole from the log');
      const feed = new ChatFeed(chatId, this.log, this.rounds, onRepairError, this.options.holePatienceMs);
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

  /** From when on the bus brings the feed what happens, by `performance.now()`. */
  hearsSince(feed: ChatFeed): number {
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

  /** A change stays in memory until the second call after it: a chat that is quiet holds none. */
  forgetOld(): void {
    for (const { feed } of this.feeds.values()) feed.forgetOld();
  }

  close(): void {
    clearInterval(this.timer);
  }

  private receive(feed: ChatFeed, payload: string): void {
    try {
      const event: unknown = payload === this.announced?.payload ? this.announced.event : JSON.parse(payload);
      // Garbage is as good as lost: the log has what it stands for.
      if (isChangeOf(feed.chatId, event)) feed.receive(event);
    } catch (error) {
      this.options.onError(error, 'read what the bus brought');
    }
  }

  /** Compares what was delivered with what was committed: a lost last message shows nowhere else. */
  private async probe(): Promise<void> {
    if (this.probing || this.feeds.size === 0) return;
    this.probing = true;
    try {
      const asked = new Map([...this.feeds.values()].map(({ feed }) => [feed.chatId, { feed, before: feed.standing }]));
      for (const head of await this.log.heads([...asked.keys()])) {
        const entry = asked.get(head.chatId);
        asked.delete(head.chatId);
        if (entry && this.feeds.get(head.chatId)?.feed === entry.feed) entry.feed.observe(head, entry.before);
      }
      for (const { feed } of asked.values()) feed.gone();
    } catch (error) {
      this.options.onError(error, 'compare the open chats with the log');
    } finally {
      this.probing = false;
    }
  }
}

const TYPES: ReadonlySet<unknown> = new Set<ChatEvent['type']>(['message.created', 'member.added', 'member.removed']);

/** What every change has. The rest is as the process that sent it wrote it. */
function isChangeOf(chatId: string, value: unknown): value is ChatEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { chatId: of, epoch, seq, type }: Partial<Record<keyof ChatEvent, unknown>> = value;
  return of === chatId && typeof epoch === 'string' && Number.isSafeInteger(seq) && TYPES.has(type);
}

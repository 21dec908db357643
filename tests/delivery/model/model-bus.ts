import { type Bus, type BusHandler, chatTopic } from '../../../src/delivery/bus.js';
import type { Feed } from '../../../src/delivery/flush-scheduler.js';
import type { KnownEntry } from '../../../src/domain/log/chat-events.js';

/** A bus that brings what it is told to, when it is told to. */
export class ModelBus implements Bus {
  private readonly topics = new Map<string, BusHandler>();
  private readonly resetHandlers: (() => void)[] = [];
  private readonly queue: KnownEntry[] = [];

  async publish(): Promise<void> {}

  async subscribe(topics: readonly string[], handler: BusHandler): Promise<void> {
    for (const topic of topics) this.topics.set(topic, handler);
  }

  unsubscribe(topics: readonly string[]): void {
    for (const topic of topics) this.topics.delete(topic);
  }

  onReset(handler: () => void): void {
    this.resetHandlers.push(handler);
  }

  async check(): Promise<void> {}
  async close(): Promise<void> {}

  /** Keeps an event to be brought later; it overtakes so many. */
  take(event: KnownEntry, overtakes: number): void {
    this.queue.splice(Math.max(0, this.queue.length - overtakes), 0, event);
  }

  bringOne(): KnownEntry | undefined {
    const event = this.queue.shift();
    if (event) this.bring(event);
    return event;
  }

  bring(event: KnownEntry): void {
    this.bringPayload(event);
  }

  /** What a newer version would write of a kind that this one does not know. */
  bringUnknownKind(event: KnownEntry): void {
    this.bringPayload({ ...event, type: 'message.waved' });
  }

  private bringPayload(event: { chatId: string; type: string }): void {
    const topic = chatTopic(event.chatId);
    this.topics.get(topic)?.(JSON.stringify(event), topic);
  }

  shuffle(): void {
    this.queue.reverse();
  }

  /** What a reconnect does: every hub compares itself with the log. */
  reset(): void {
    for (const handler of this.resetHandlers) handler();
  }
}

/** A scheduler that flushes when the test says so. */
export class ModelScheduler {
  private feeds: Feed[] = [];

  addEvent(feed: Feed): void {
    if (feed.isDue) return;
    feed.isDue = true;
    this.feeds.push(feed);
  }

  run(): void {
    for (const feed of this.feeds.splice(0)) {
      feed.isDue = false;
      feed.flush();
    }
  }
}

import type { Bus, BusHandler } from '../../src/delivery/bus.js';
import { InProcessBus } from '../../src/delivery/in-process-bus.js';
import { RedisBus } from '../../src/delivery/redis-bus.js';
import { testRedisPrefix, testRedisUrl } from './redis.js';

/** One process's end of a bus that it shares with others. It counts what the process says, and can be cut, as if the process died. */
export class BusPort implements Bus {
  /** The payloads that this process published, by topic. */
  readonly published: { topic: string; payload: string; at: number }[] = [];
  private readonly handlers = new Map<BusHandler, Set<string>>();
  private isMuted = false;

  constructor(private readonly bus: Bus) {}

  /** What was published to topics that begin so. */
  said(topic: string) {
    return this.published.filter((each) => each.topic.startsWith(topic));
  }

  /** Nothing is heard or said any more. */
  cut(): void {
    this.isMuted = true;
    for (const [handler, topics] of this.handlers) this.bus.unsubscribe([...topics], handler);
  }

  /** What this process says is lost, until `unmute`. */
  mute(): void {
    this.isMuted = true;
  }

  unmute(): void {
    this.isMuted = false;
  }

  async publish(topic: string, payload: string): Promise<void> {
    if (this.isMuted) return;
    this.published.push({ topic, payload, at: performance.now() });
    await this.bus.publish(topic, payload);
  }

  async subscribe(topics: readonly string[], handler: BusHandler): Promise<void> {
    this.handlers.set(handler, new Set([...(this.handlers.get(handler) ?? []), ...topics]));
    await this.bus.subscribe(topics, handler);
  }

  unsubscribe(topics: readonly string[], handler: BusHandler): void {
    for (const topic of topics) this.handlers.get(handler)?.delete(topic);
    this.bus.unsubscribe(topics, handler);
  }

  onReset(handler: () => void): void {
    this.bus.onReset(handler);
  }

  check(): Promise<void> {
    return this.bus.check();
  }

  close(): Promise<void> {
    return this.bus.close();
  }
}

/** The ends of one bus for so many processes: over the Redis of this run, if it has one. */
export async function busPorts(count: number): Promise<BusPort[]> {
  const url = testRedisUrl();
  if (url === undefined) {
    const bus = new InProcessBus();
    return Array.from({ length: count }, () => new BusPort(bus));
  }
  const options = { url, prefix: testRedisPrefix(), key: Buffer.alloc(32), onError: () => {} };
  const buses = await Promise.all(Array.from({ length: count }, () => RedisBus.connect(options)));
  return buses.map((bus) => new BusPort(bus));
}

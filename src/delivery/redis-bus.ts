import { randomUUID } from 'node:crypto';
import { within } from '../domain/within.js';
import type { Bus, BusHandler } from './bus.js';
import { LocalHandlers } from './local-handlers.js';
import { openPubSub } from './redis/open.js';
import type { RedisPubSub } from './redis/pub-sub.js';
import { RedisFormError } from './redis/server-mode.js';
import { redisTarget } from './redis/target.js';
import { Signature, unverified } from './signature.js';
import { ThrottledReport } from './throttled-report.js';

interface RedisBusOptions {
  /** One Redis, Sentinel or a cluster: see `redis/target.ts`. */
  url: string;
  /** Of the channels' names: keeps services apart that share one Redis. */
  prefix: string;
  /** The processes of the deployment sign their payloads with it. */
  key: Buffer;
  /** Called for payloads that were not signed with the key, and ignored; at most once a minute, with their number since then. */
  onForgery?: (channel: string, count: number) => void;
  /** Called for each lost connection. The bus reconnects by itself. */
  onError: (error: Error) => void;
}

/** `subscribe` resolves after this time even when Redis has not answered: missed events are read from the log. Milliseconds. */
const SUBSCRIBE_TIMEOUT_MS = 500;
const CHECK_TIMEOUT_MS = 1000;
const CLOSE_TIMEOUT_MS = 500;
const CONNECT_TIMEOUT_MS = 2000;

/**
 * Redis Pub/Sub. Connections that publish and those that subscribe are separate. Neither queue commands while they are disconnected:
 * queued payloads would reach Redis before our subscriber is back, and channels are subscribed anew on reconnect anyway. When a server
 * hangs, waiting commands fail within 1.5 s.
 */
export class RedisBus implements Bus {
  private readonly handlers = new LocalHandlers();
  private readonly resetHandlers: (() => void)[] = [];
  private readonly instance = randomUUID();
  private readonly signature: Signature;
  private readonly redis: RedisPubSub;
  private refuse: (error: RedisFormError) => void = () => {};
  private readonly forgeries = new ThrottledReport<string>((channel, count) =>
    this.options.onForgery?.(channel, count),
  );

  private constructor(private readonly options: RedisBusOptions) {
    this.signature = new Signature(options.key);
    this.redis = openPubSub(redisTarget(options.url), {
      onMessage: this.received,
      onReset: () => {
        for (const handler of this.resetHandlers) handler();
      },
      onError: (error) => {
        options.onError(error);
        if (error instanceof RedisFormError) this.refuse(error);
      },
    });
  }

  /**
   * Resolves when connected, or after two seconds. The bus then keeps trying, and delivery relies on the hub's probe.
   *
   * @throws RedisFormError when the servers answer, and the URL does not fit them
   */
  static async connect(options: RedisBusOptions): Promise<RedisBus> {
    const bus = new RedisBus(options);
    const refused = new Promise<never>((_resolve, reject) => {
      bus.refuse = reject;
    });
    try {
      await within(CONNECT_TIMEOUT_MS, Promise.race([bus.redis.connect(), refused]));
    } catch (error) {
      await bus.close();
      throw error;
    }
    return bus;
  }

  async publish(topic: string, payload: string): Promise<void> {
    this.handlers.call(topic, payload);
    const channel = this.channel(topic);
    await this.redis.publish(channel, this.signature.sign(channel, `${this.instance} ${payload}`));
  }

  async subscribe(topics: readonly string[], handler: BusHandler): Promise<void> {
    const channels = this.handlers.add(topics, handler).map((topic) => this.channel(topic));
    if (channels.length > 0) await within(SUBSCRIBE_TIMEOUT_MS, this.redis.subscribe(channels));
  }

  unsubscribe(topics: readonly string[], handler: BusHandler): void {
    const channels = this.handlers.delete(topics, handler).map((topic) => this.channel(topic));
    if (channels.length > 0) this.redis.unsubscribe(channels);
  }

  onReset(handler: () => void): void {
    this.resetHandlers.push(handler);
  }

  check(): Promise<void> {
    return this.redis.check(CHECK_TIMEOUT_MS);
  }

  async close(): Promise<void> {
    this.handlers.clear();
    await this.redis.close(CLOSE_TIMEOUT_MS);
  }

  private readonly received = (signed: string, channel: string): void => {
    // The message is `<instance> <payload>`. Our own come back and were handled by `publish`. A forged instance only makes us ignore a forgery.
    if (unverified(signed).startsWith(this.instance)) return;
    const message = this.signature.verified(channel, signed);
    if (message === undefined) this.forgeries.add(channel);
    else this.handlers.call(channel.slice(this.options.prefix.length), message.slice(message.indexOf(' ') + 1));
  };

  private channel(topic: string): string {
    return `${this.options.prefix}${topic}`;
  }
}

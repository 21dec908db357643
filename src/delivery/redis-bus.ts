import { randomUUID } from 'node:crypto';
import { within } from '../domain/within.js';
import type { Bus, BusHandler } from './bus.js';
import { LocalHandlers } from './local-handlers.js';
import { RedisConnection } from './redis-connection.js';
import { Signature, unverified } from './signature.js';
import { ThrottledReport } from './throttled-report.js';

interface RedisBusOptions {
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
/** Channels in one command: Redis serves nobody else while it runs one. */
const MAX_CHANNELS = 1000;

/**
 * Redis Pub/Sub over two connections, since a connection in subscriber mode cannot publish. Neither queues commands while it is
 * disconnected: queued payloads would reach Redis before our subscriber is back, and channels are subscribed anew on reconnect
 * anyway. When the server hangs, waiting commands fail within 1.5 s.
 */
export class RedisBus implements Bus {
  private readonly handlers = new LocalHandlers();
  private readonly resetHandlers: (() => void)[] = [];
  private readonly instance = randomUUID();
  private readonly signature: Signature;
  private readonly publisher: RedisConnection;
  private readonly subscriber: RedisConnection;
  /** Subscribed, or to be subscribed after a reconnect. */
  private readonly channels = new Set<string>();
  /** Unsubscribed without an answer yet. The client would subscribe them again if the connection broke before the answer. */
  private readonly leaving = new Set<string>();
  private connectCount = 0;
  private readonly forgeries = new ThrottledReport<string>((channel, count) =>
    this.options.onForgery?.(channel, count),
  );

  private constructor(private readonly options: RedisBusOptions) {
    this.signature = new Signature(options.key);
    this.publisher = new RedisConnection(options.url, options.onError);
    this.subscriber = new RedisConnection(options.url, options.onError);
    this.subscriber.client.on('ready', () => this.connected());
  }

  /** Resolves when connected, or after two seconds. The bus then keeps trying, and delivery relies on the hub's probe. */
  static async connect(options: RedisBusOptions): Promise<RedisBus> {
    const bus = new RedisBus(options);
    const connected = Promise.all([bus.publisher.connect(), bus.subscriber.connect()]);
    // The clients report a failed first attempt by their error events, and retry.
    await within(
      CONNECT_TIMEOUT_MS,
      connected.catch(() => {}),
    );
    return bus;
  }

  async publish(topic: string, payload: string): Promise<void> {
    this.handlers.call(topic, payload);
    const channel = this.channel(topic);
    await this.publisher.client.publish(channel, this.signature.sign(channel, `${this.instance} ${payload}`));
  }

  async subscribe(topics: readonly string[], handler: BusHandler): Promise<void> {
    const channels = this.handlers.add(topics, handler).map((topic) => this.channel(topic));
    for (const channel of channels) this.channels.add(channel);
    if (channels.length > 0) await within(SUBSCRIBE_TIMEOUT_MS, this.join(channels));
  }

  unsubscribe(topics: readonly string[], handler: BusHandler): void {
    const channels = this.handlers.delete(topics, handler).map((topic) => this.channel(topic));
    if (channels.length > 0) void this.leave(channels);
  }

  onReset(handler: () => void): void {
    this.resetHandlers.push(handler);
  }

  async check(): Promise<void> {
    const pings = Promise.all([this.publisher.client.ping(), this.subscriber.client.ping()]).then(() => true);
    if (!(await within(CHECK_TIMEOUT_MS, pings))) throw new Error('Redis does not answer.');
  }

  async close(): Promise<void> {
    this.handlers.clear();
    this.channels.clear();
    // Lets payloads that were published before still leave.
    await this.publisher.close(CLOSE_TIMEOUT_MS);
    this.subscriber.destroy();
  }

  /** The client forgets commands that were under way when the connection broke, so all of them are sent again. */
  private connected(): void {
    this.connectCount += 1;
    void this.join([...this.channels]);
    void this.leave([...this.leaving]);
    if (this.connectCount > 1) for (const handler of this.resetHandlers) handler();
  }

  /** While disconnected it does nothing: `connected` subscribes. Redis keeps the order of commands, so the last of `join` and `leave` counts. */
  private async join(channels: readonly string[]): Promise<void> {
    const { client } = this.subscriber;
    for (const channel of channels) this.leaving.delete(channel);
    if (!client.isReady) return;
    await Promise.all(
      chunked(channels).map((chunk) => client.subscribe(chunk, this.received).then(() => {}, this.ignore)),
    );
  }

  private async leave(channels: readonly string[]): Promise<void> {
    const { client } = this.subscriber;
    for (const channel of channels) {
      this.channels.delete(channel);
      this.leaving.add(channel);
    }
    if (client.isReady) await Promise.all(chunked(channels).map((chunk) => this.leaveNow(chunk)));
  }

  private async leaveNow(channels: string[]): Promise<void> {
    const isLeft = await this.subscriber.client.unsubscribe(channels, this.received).then(() => true, this.ignore);
    if (isLeft) for (const channel of channels) this.leaving.delete(channel);
  }

  /** A broken connection was reported already. */
  private readonly ignore = (): void => {};

  /** One function for all channels: the client keeps handlers in a set, so a channel that is subscribed twice calls it once. */
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

function chunked(channels: readonly string[]): string[][] {
  const chunks: string[][] = [];
  for (let first = 0; first < channels.length; first += MAX_CHANNELS)
    chunks.push(channels.slice(first, first + MAX_CHANNELS));
  return chunks;
}

import { randomUUID } from 'node:crypto';
import { createClient } from 'redis';
import { within } from '../domain/within.js';
import type { Bus, BusHandler } from './bus.js';
import { LocalHandlers } from './local-handlers.js';

type Client = ReturnType<typeof connectable>;

interface RedisBusOptions {
  url: string;
  /** Keeps services that share one Redis apart. */
  prefix: string;
  /** Told of every lost connection; the bus mends itself. */
  onError: (error: Error) => void;
}

/** How long a subscription waits for Redis before it goes on without: the log repairs what is missed. Milliseconds. */
const SUBSCRIBE_PATIENCE_MS = 500;
const CHECK_PATIENCE_MS = 1000;
const CLOSE_PATIENCE_MS = 500;

/**
 * Redis Pub/Sub. A connection in subscriber mode cannot publish, so there are two. The publisher keeps no queue while it is
 * disconnected: what it sent then would reach Redis before our own subscriber is back, with nobody listening.
 */
export class RedisBus implements Bus {
  private readonly handlers = new LocalHandlers();
  private readonly resetHandlers: (() => void)[] = [];
  private readonly instance = randomUUID();
  private readonly publisher: Client;
  private readonly subscriber: Client;
  /** What Redis is to bring, by channel. */
  private readonly listeners = new Map<string, (message: string) => void>();
  private connections = 0;
  private closed = false;

  private constructor(private readonly options: RedisBusOptions) {
    this.publisher = connectable(options.url, true);
    this.subscriber = connectable(options.url, false);
    for (const client of [this.publisher, this.subscriber]) client.on('error', this.onError);
    this.subscriber.on('ready', () => this.connected());
  }

  /** Resolves when connected, or after two seconds without: then the bus keeps trying, and delivery goes by the log's probe. */
  static async connect(options: RedisBusOptions): Promise<RedisBus> {
    const bus = new RedisBus(options);
    const connected = Promise.all([bus.publisher.connect(), bus.subscriber.connect()]);
    // A first attempt that fails is reported by the clients' error events and tried again by them.
    await within(
      2000,
      connected.catch(() => {}),
    );
    return bus;
  }

  async publish(topic: string, payload: string): Promise<void> {
    this.handlers.call(topic, payload);
    await this.publisher.publish(this.channel(topic), `${this.instance} ${payload}`);
  }

  async subscribe(topic: string, handler: BusHandler): Promise<() => void> {
    const channel = this.channel(topic);
    if (this.handlers.add(topic, handler)) {
      const listener = (message: string) => this.receive(topic, message);
      this.listeners.set(channel, listener);
      const settled = this.listen(channel, listener);
      if (this.subscriber.isReady) await within(SUBSCRIBE_PATIENCE_MS, settled);
    }
    return () => {
      if (!this.handlers.delete(topic, handler)) return;
      // With its listener: one that is subscribed again before Redis has answered is another, and stays.
      const listener = this.listeners.get(channel);
      this.listeners.delete(channel);
      this.subscriber.unsubscribe(channel, listener).catch(this.onError);
    };
  }

  onReset(handler: () => void): void {
    this.resetHandlers.push(handler);
  }

  async check(): Promise<void> {
    const pings = Promise.all([this.publisher.ping(), this.subscriber.ping()]).then(() => true);
    if (!(await within(CHECK_PATIENCE_MS, pings))) throw new Error('Redis does not answer.');
  }

  async close(): Promise<void> {
    this.closed = true;
    this.handlers.clear();
    // What was handed over before still leaves.
    if (this.publisher.isReady) await within(CLOSE_PATIENCE_MS, this.publisher.close());
    for (const client of [this.publisher, this.subscriber]) client.destroy();
  }

  /** What `close` cuts off is no failure. */
  private readonly onError = (error: Error): void => {
    if (!this.closed) this.options.onError(error);
  };

  /** A subscription that was on its way when the connection broke is forgotten by the client, so all are asked for again. */
  private connected(): void {
    this.connections += 1;
    if (this.connections === 1) return;
    for (const [channel, listener] of this.listeners) void this.listen(channel, listener);
    for (const handler of this.resetHandlers) handler();
  }

  private listen(channel: string, listener: (message: string) => void): Promise<void> {
    return this.subscriber.subscribe(channel, listener).catch(this.onError);
  }

  private channel(topic: string): string {
    return `${this.options.prefix}${topic}`;
  }

  /** `<instance> <payload>`: our own payloads come back, and were handled when they left. */
  private receive(topic: string, message: string): void {
    const end = message.indexOf(' ');
    if (message.slice(0, end) !== this.instance) this.handlers.call(topic, message.slice(end + 1));
  }
}

function connectable(url: string, publisher: boolean) {
  return createClient({
    url,
    disableOfflineQueue: publisher,
    commandsQueueMaxLength: publisher ? 10_000 : undefined,
    // A time-out for each command is a signal and a timer for each publish. A Redis that hangs (SIGSTOP, a cut cable)
    // answers no ping, and the socket's time-out then ends the connection and fails what waits on it.
    commandOptions: { timeout: undefined },
    pingInterval: 1000,
    socket: {
      connectTimeout: 2000,
      socketTimeout: 3000,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, 1000) + Math.floor(Math.random() * 50),
    },
  });
}

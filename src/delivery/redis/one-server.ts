import { ErrorReply } from 'redis';
import { RedisAwayError, type RedisClient, RedisConnection, type RedisConnectionOptions } from './connection.js';
import type { RedisCommands, RedisPubSub, RedisPubSubOptions } from './pub-sub.js';
import { masterSource } from './sentinels.js';
import { expectSingle } from './server-mode.js';
import type { RedisTarget } from './target.js';

type OneServerTarget = Exclude<RedisTarget, { form: 'cluster' }>;
type Source = Pick<RedisConnectionOptions, 'locate' | 'admit' | 'ask'>;

/** Channels in one command: Redis serves nobody else while it runs one. */
const MAX_CHANNELS = 1000;

/** The commands of one Redis, or of the master behind sentinels. */
export class OneServerCommands implements RedisCommands {
  private readonly connection: RedisConnection;

  constructor(target: OneServerTarget, onError: (error: Error) => void) {
    this.connection = new RedisConnection({ ...sourceOf(target), onError });
  }

  connect(): Promise<void> {
    return this.connection.connect();
  }

  async run<Answer>(_key: string, command: (client: RedisClient) => Promise<Answer>): Promise<Answer> {
    const { client } = this.connection;
    if (!client) throw new RedisAwayError();
    return command(client);
  }

  check(timeoutMs: number): Promise<void> {
    return this.connection.check(timeoutMs);
  }

  close(timeoutMs: number): Promise<void> {
    return this.connection.close(timeoutMs);
  }
}

/** Two connections to one Redis, or to the master behind sentinels: one to publish, one to subscribe. */
export class OneServerPubSub implements RedisPubSub {
  private readonly publisher: RedisConnection;
  private readonly subscriber: RedisConnection;
  /** Subscribed, or to be subscribed when there is a connection. */
  private readonly channels = new Set<string>();
  private connectCount = 0;

  constructor(
    target: OneServerTarget,
    private readonly options: RedisPubSubOptions,
  ) {
    const { onError } = options;
    this.publisher = new RedisConnection({ ...sourceOf(target), onError });
    this.subscriber = new RedisConnection({
      ...sourceOf(target),
      onError,
      onReady: (client) => this.connected(client),
    });
  }

  async connect(): Promise<void> {
    await Promise.all([this.publisher.connect(), this.subscriber.connect()]);
  }

  publish(channel: string, message: string): Promise<unknown> {
    const { client } = this.publisher;
    return client ? client.publish(channel, message) : Promise.reject(new RedisAwayError());
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.channels.add(channel);
    const { client } = this.subscriber;
    if (client) await this.join(client, channels);
  }

  /** Redis keeps the order of commands, so the last of `subscribe` and `unsubscribe` counts. */
  unsubscribe(channels: readonly string[]): void {
    for (const channel of channels) this.channels.delete(channel);
    const { client } = this.subscriber;
    for (const chunk of client ? chunked(channels) : [])
      client?.unsubscribe(chunk, this.options.onMessage).catch(this.refused);
  }

  async check(timeoutMs: number): Promise<void> {
    await Promise.all([this.publisher.check(timeoutMs), this.subscriber.check(timeoutMs)]);
  }

  /** Lets messages that were published before still leave. */
  async close(timeoutMs: number): Promise<void> {
    this.channels.clear();
    await this.publisher.close(timeoutMs);
    this.subscriber.destroy();
  }

  private connected(client: RedisClient): void {
    this.connectCount += 1;
    const isLate = this.connectCount > 1 || this.channels.size > 0;
    void this.join(client, [...this.channels]);
    if (isLate) this.options.onReset();
  }

  /** One function for all channels: the client keeps handlers in a set, so a channel that is subscribed twice calls it once. */
  private async join(client: RedisClient, channels: readonly string[]): Promise<void> {
    await Promise.all(
      chunked(channels).map((chunk) => client.subscribe(chunk, this.options.onMessage).catch(this.refused)),
    );
  }

  /** A broken connection is reported by itself. */
  private readonly refused = (error: unknown): void => {
    if (error instanceof ErrorReply) this.options.onError(error);
  };
}

function sourceOf(target: OneServerTarget): Source {
  if (target.form === 'sentinel') return masterSource(target);
  return { locate: () => target, admit: (client) => expectSingle(client, target.address) };
}

function chunked(channels: readonly string[]): string[][] {
  const chunks: string[][] = [];
  for (let first = 0; first < channels.length; first += MAX_CHANNELS)
    chunks.push(channels.slice(first, first + MAX_CHANNELS));
  return chunks;
}

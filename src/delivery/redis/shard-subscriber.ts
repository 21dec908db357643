import { ErrorReply } from 'redis';
import { type RedisClient, RedisConnection, type RedisServer } from './connection.js';

export interface ShardSubscriberOptions {
  /** Whether the cluster has sharded Pub/Sub. Asked for each connection. */
  isSharded: () => boolean;
  onMessage: (message: string, channel: string) => void;
  /** The node no longer serves the channel, which is to be subscribed elsewhere. */
  onLost: (channel: string) => void;
  /** The channels are subscribed on a connection that was made anew. */
  onSubscribed: () => void;
  onError: (error: Error) => void;
}

/** Commands that are sent at a time: the connection's queue is bounded. */
const MAX_COMMANDS = 1000;

/**
 * The subscriptions at one master of a cluster, on a connection of their own.
 *
 * A node that gives a slot away ends the slot's subscriptions by itself. The client tells of that only while no command waits for an
 * answer, and else takes it for part of the answer. So the server is asked twice a second how many subscriptions it has.
 */
export class ShardSubscriber {
  private readonly channels = new Set<string>();
  private readonly connection: RedisConnection;
  /** Resolves when there is a connection for the first time. */
  readonly opened: Promise<void>;
  private isSharded = true;
  /** Grows with each change of the subscriptions. */
  private changes = 0;
  private joining = 0;

  constructor(
    server: RedisServer,
    private readonly options: ShardSubscriberOptions,
  ) {
    this.connection = new RedisConnection({
      locate: () => server,
      ask: (client) => this.compare(client),
      onReady: (client) => void this.ready(client),
      onError: options.onError,
    });
    this.opened = this.connection.connect();
  }

  get isReady(): boolean {
    return this.connection.client !== undefined;
  }

  /** Resolves when the channels are subscribed, or are lost, or the connection broke: then they are when it is made anew. */
  async join(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.channels.add(channel);
    this.changes += 1;
    const { client } = this.connection;
    if (client) await this.send(client, channels);
    else await this.opened;
  }

  leave(channels: readonly string[]): void {
    const { client } = this.connection;
    this.changes += 1;
    for (const channel of channels) {
      this.channels.delete(channel);
      // A refusal means that the slot is gone, and the subscription with it.
      if (client && this.isSharded) client.sUnsubscribe(channel, this.options.onMessage).catch(() => {});
    }
    if (client && !this.isSharded && channels.length > 0)
      client.unsubscribe([...channels], this.options.onMessage).catch(() => {});
  }

  /** Subscribes everything anew. */
  renew(reason: Error): void {
    this.connection.renew(reason);
  }

  check(timeoutMs: number): Promise<void> {
    return this.connection.check(timeoutMs);
  }

  destroy(): void {
    this.connection.destroy();
  }

  private async ready(client: RedisClient): Promise<void> {
    this.isSharded = this.options.isSharded();
    client.on('sharded-channel-moved', (channel: string) => this.lose(channel));
    await this.send(client, [...this.channels]);
    if (this.connection.client === client) this.options.onSubscribed();
  }

  private async send(client: RedisClient, channels: readonly string[]): Promise<void> {
    this.joining += 1;
    for (let first = 0; first < channels.length && client.isReady; first += MAX_COMMANDS) {
      const wanted = channels.slice(first, first + MAX_COMMANDS).filter((channel) => this.channels.has(channel));
      await Promise.all(wanted.map((channel) => this.sendOne(client, channel)));
    }
    this.joining -= 1;
    this.changes += 1;
  }

  /** Channels of several slots must not be in one command. */
  private async sendOne(client: RedisClient, channel: string): Promise<void> {
    const { onMessage } = this.options;
    try {
      if (this.isSharded) await client.sSubscribe(channel, onMessage);
      else await client.subscribe(channel, onMessage);
    } catch (error) {
      // Else the connection broke, and everything is sent again.
      if (!(error instanceof ErrorReply)) return;
      if (!error.message.startsWith('MOVED')) this.options.onError(error);
      this.lose(channel);
    }
  }

  private lose(channel: string): void {
    this.changes += 1;
    if (this.channels.delete(channel)) this.options.onLost(channel);
  }

  private async compare(client: RedisClient): Promise<void> {
    if (!this.isSharded) {
      await client.ping();
      return;
    }
    const { changes } = this;
    const text = await client.sendCommand(['CLIENT', 'INFO']);
    const count = / ssub=(\d+)/.exec(String(text))?.[1];
    if (this.changes !== changes || this.joining > 0 || count === undefined) return;
    if (Number(count) !== this.channels.size)
      throw new Error(`Redis has ${count} of ${this.channels.size} subscriptions; subscribing anew.`);
  }
}

import { ClusterCommands } from './cluster-commands.js';
import { type ClusterMap, slotOf } from './cluster-map.js';
import type { ClusterTarget } from './cluster-topology.js';
import type { RedisPubSub, RedisPubSubOptions } from './pub-sub.js';
import { ShardSubscriber } from './shard-subscriber.js';
import type { RedisAddress } from './target.js';

/** Resets are told of at most this often, the last one included: slots that move one after the other are many. Milliseconds. */
const RESET_INTERVAL_MS = 1000;

/**
 * Pub/Sub over a cluster. Each channel is published and subscribed at the master that has its slot: sharded Pub/Sub, so that a message
 * does not go to all nodes. In a cluster older than Redis 7 the same, by commands whose messages all nodes pass on.
 */
export class ClusterPubSub implements RedisPubSub {
  private readonly commands: ClusterCommands;
  /** The channels with their slots. */
  private readonly wanted = new Map<string, number>();
  /** Where each channel is subscribed, or will be when there is a connection. */
  private readonly placed = new Map<string, ShardSubscriber>();
  /** By the master's name. */
  private readonly subscribers = new Map<string, ShardSubscriber>();
  private mapText: string | undefined;
  private isSharded = true;
  private resetTimer: NodeJS.Timeout | undefined;
  private isResetDue = false;

  constructor(
    private readonly target: ClusterTarget,
    private readonly options: RedisPubSubOptions,
  ) {
    this.commands = new ClusterCommands(target, {
      onError: options.onError,
      onMap: (map) => this.arrange(map),
      onVersion: () => this.versionsChanged(),
      isTroubled: () =>
        this.placed.size < this.wanted.size || [...this.subscribers.values()].some(({ isReady }) => !isReady),
    });
  }

  async connect(): Promise<void> {
    await this.commands.connect();
    await Promise.all([...this.subscribers.values()].map(({ opened }) => opened));
  }

  publish(channel: string, message: string): Promise<unknown> {
    return this.commands.run(channel, (client) =>
      this.isSharded ? client.sPublish(channel, message) : client.publish(channel, message),
    );
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.wanted.set(channel, slotOf(channel));
    await this.place(channels);
  }

  unsubscribe(channels: readonly string[]): void {
    const left = new Map<ShardSubscriber, string[]>();
    for (const channel of channels) {
      this.wanted.delete(channel);
      const subscriber = this.placed.get(channel);
      this.placed.delete(channel);
      if (subscriber) group(left, subscriber, channel);
    }
    for (const [subscriber, its] of left) subscriber.leave(its);
  }

  async check(timeoutMs: number): Promise<void> {
    const subscribers = [...this.subscribers.values()].map((subscriber) => subscriber.check(timeoutMs));
    await Promise.all([this.commands.check(timeoutMs), ...subscribers]);
  }

  async close(timeoutMs: number): Promise<void> {
    clearTimeout(this.resetTimer);
    this.wanted.clear();
    this.placed.clear();
    await this.commands.close(timeoutMs);
    for (const subscriber of this.subscribers.values()) subscriber.destroy();
  }

  /** Takes the channels to where their slots are now. */
  private arrange(map: ClusterMap): void {
    this.versionsChanged();
    if (map.text === this.mapText && this.placed.size === this.wanted.size) return;
    this.mapText = map.text;
    for (const [name, address] of map.masters) if (!this.subscribers.has(name)) this.open(name, address);
    const moving = this.place([...this.wanted.keys()]);
    for (const [name, subscriber] of this.subscribers) {
      if (map.masters.has(name)) continue;
      this.subscribers.delete(name);
      subscriber.destroy();
    }
    void moving.then((count) => {
      if (count > 0) this.reset();
    });
  }

  /** Subscribes the channels at the masters of their slots and nowhere else. Resolves to how many were elsewhere before, or nowhere. */
  private async place(channels: readonly string[]): Promise<number> {
    const joined = new Map<ShardSubscriber, string[]>();
    const left = new Map<ShardSubscriber, string[]>();
    for (const channel of channels) {
      const subscriber = this.subscriberOf(this.wanted.get(channel));
      const former = this.placed.get(channel);
      if (!subscriber || former === subscriber) continue;
      this.placed.set(channel, subscriber);
      group(joined, subscriber, channel);
      if (former) group(left, former, channel);
    }
    for (const [subscriber, its] of left) subscriber.leave(its);
    await Promise.all([...joined].map(([subscriber, its]) => subscriber.join(its)));
    return [...joined.values()].reduce((count, its) => count + its.length, 0);
  }

  private subscriberOf(slot: number | undefined): ShardSubscriber | undefined {
    const name = slot === undefined ? undefined : this.commands.ownerOf(slot);
    return name === undefined ? undefined : this.subscribers.get(name);
  }

  private open(name: string, address: RedisAddress): void {
    const { onMessage, onError } = this.options;
    const subscriber: ShardSubscriber = new ShardSubscriber(
      { ...this.target, address },
      {
        onMessage,
        isSharded: () => this.isSharded,
        onLost: (channel) => {
          if (this.placed.get(channel) === subscriber) this.placed.delete(channel);
          this.commands.refreshSoon();
        },
        onSubscribed: () => this.reset(),
        onError: (error) => {
          onError(error);
          this.commands.refreshSoon();
        },
      },
    );
    this.subscribers.set(name, subscriber);
  }

  private versionsChanged(): void {
    if (this.commands.isSharded === this.isSharded) return;
    this.isSharded = !this.isSharded;
    const reason = new Error('The version of the Redis Cluster has changed; subscribing anew.');
    for (const subscriber of this.subscribers.values()) subscriber.renew(reason);
  }

  private reset(): void {
    this.isResetDue = this.resetTimer !== undefined;
    if (this.isResetDue) return;
    this.resetTimer = setTimeout(() => {
      this.resetTimer = undefined;
      if (this.isResetDue) this.reset();
    }, RESET_INTERVAL_MS).unref();
    this.options.onReset();
  }
}

function group(groups: Map<ShardSubscriber, string[]>, subscriber: ShardSubscriber, channel: string): void {
  const its = groups.get(subscriber);
  if (its) its.push(channel);
  else groups.set(subscriber, [channel]);
}

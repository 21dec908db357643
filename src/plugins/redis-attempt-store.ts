import { RedisConnection } from '../delivery/redis-connection.js';
import type { AttemptStore } from '../domain/credentials/attempts.js';
import { MemoryAttemptStore } from '../domain/credentials/memory-attempt-store.js';

/** How long a sign-in waits for Redis before it uses this process's own counts, in milliseconds. */
const TIMEOUT_MS = 200;

/**
 * Counts failed attempts in Redis, for all processes together, and in memory too. While Redis is unreachable the counts in
 * memory apply: with n processes the limits are then n times looser, but never off.
 */
export class RedisAttemptStore implements AttemptStore {
  private readonly local = new MemoryAttemptStore();
  private readonly connection: RedisConnection;

  constructor(
    url: string,
    private readonly prefix: string,
    onError: (error: Error) => void,
  ) {
    this.connection = new RedisConnection(url, onError);
    this.connection.connect().catch(onError);
  }

  async blockedMs(keys: readonly string[]): Promise<readonly number[]> {
    const local = await this.local.blockedMs(keys);
    const shared = await this.ask(() => Promise.all(keys.map((key) => this.client.pTTL(this.blockKey(key)))));
    return local.map((ms, index) => Math.max(ms, shared?.[index] ?? 0));
  }

  async count(key: string, windowMs: number): Promise<number> {
    const local = await this.local.count(key, windowMs);
    const shared = await this.ask(async () => {
      const [count] = await Promise.all([
        this.client.incr(this.countKey(key)),
        this.client.pExpire(this.countKey(key), windowMs),
      ]);
      return count;
    });
    return Math.max(local, shared ?? 0);
  }

  async block(key: string, ms: number): Promise<void> {
    await this.local.block(key, ms);
    await this.ask(() => this.client.set(this.blockKey(key), '1', { expiration: { type: 'PX', value: ms } }));
  }

  async forget(key: string): Promise<void> {
    await this.local.forget(key);
    await this.ask(() => Promise.all([this.client.del(this.countKey(key)), this.client.del(this.blockKey(key))]));
  }

  async remember(key: string, ms: number): Promise<void> {
    await this.local.remember(key, ms);
    await this.ask(() => this.client.set(this.knownKey(key), '1', { expiration: { type: 'PX', value: ms } }));
  }

  async remembers(key: string): Promise<boolean> {
    if (await this.local.remembers(key)) return true;
    return (await this.ask(() => this.client.exists(this.knownKey(key)))) === 1;
  }

  close(): void {
    this.connection.destroy();
  }

  private get client(): RedisConnection['client'] {
    return this.connection.client;
  }

  private countKey(key: string): string {
    return `${this.prefix}attempts:${key}`;
  }

  private blockKey(key: string): string {
    return `${this.prefix}blocked:${key}`;
  }

  private knownKey(key: string): string {
    return `${this.prefix}known:${key}`;
  }

  /** Undefined when Redis is unreachable or does not answer in time. */
  private async ask<Result>(commands: () => Promise<Result>): Promise<Result | undefined> {
    if (!this.client.isReady) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, TIMEOUT_MS, undefined);
    });
    return Promise.race([commands().catch(() => undefined), timeout]).finally(() => clearTimeout(timer));
  }
}

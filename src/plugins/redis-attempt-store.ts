import type { RedisClient } from '../delivery/redis/connection.js';
import { openCommands } from '../delivery/redis/open.js';
import type { RedisCommands } from '../delivery/redis/pub-sub.js';
import { redisTarget } from '../delivery/redis/target.js';
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
  private readonly redis: RedisCommands;

  constructor(
    url: string,
    private readonly prefix: string,
    onError: (error: Error) => void,
  ) {
    this.redis = openCommands(redisTarget(url), onError);
    void this.redis.connect();
  }

  async blockedMs(keys: readonly string[]): Promise<readonly number[]> {
    const local = await this.local.blockedMs(keys);
    const shared = await this.ask(() =>
      Promise.all(keys.map((key) => this.run(this.blockKey(key), (client, name) => client.pTTL(name)))),
    );
    return local.map((ms, index) => Math.max(ms, shared?.[index] ?? 0));
  }

  async count(key: string, windowMs: number): Promise<number> {
    const local = await this.local.count(key, windowMs);
    const shared = await this.ask(async () => {
      const [count] = await Promise.all([
        this.run(this.countKey(key), (client, name) => client.incr(name)),
        this.run(this.countKey(key), (client, name) => client.pExpire(name, windowMs)),
      ]);
      return count;
    });
    return Math.max(local, shared ?? 0);
  }

  async block(key: string, ms: number): Promise<void> {
    await this.local.block(key, ms);
    await this.ask(() => this.keep(this.blockKey(key), ms));
  }

  async forget(key: string): Promise<void> {
    await this.local.forget(key);
    const names = [this.countKey(key), this.blockKey(key)];
    await this.ask(() => Promise.all(names.map((each) => this.run(each, (client, name) => client.del(name)))));
  }

  async remember(key: string, ms: number): Promise<void> {
    await this.local.remember(key, ms);
    await this.ask(() => this.keep(this.knownKey(key), ms));
  }

  async remembers(key: string): Promise<boolean> {
    if (await this.local.remembers(key)) return true;
    return (await this.ask(() => this.run(this.knownKey(key), (client, name) => client.exists(name)))) === 1;
  }

  close(): Promise<void> {
    return this.redis.close(TIMEOUT_MS);
  }

  /** Each command has one key: those of one person may be on several servers. */
  private run<Answer>(name: string, command: (client: RedisClient, name: string) => Promise<Answer>): Promise<Answer> {
    return this.redis.run(name, (client) => command(client, name));
  }

  private keep(name: string, ms: number): Promise<unknown> {
    return this.run(name, (client) => client.set(name, '1', { expiration: { type: 'PX', value: ms } }));
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
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, TIMEOUT_MS, undefined);
    });
    return Promise.race([commands().catch(() => undefined), timeout]).finally(() => clearTimeout(timer));
  }
}

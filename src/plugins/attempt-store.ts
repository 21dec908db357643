import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { createClient } from 'redis';
import type { AttemptStore } from '../domain/attempts.js';
import { MemoryAttemptStore } from '../domain/memory-attempt-store.js';

declare module 'fastify' {
  interface FastifyInstance {
    attemptStore: AttemptStore;
  }
}

export interface AttemptStoreOptions {
  /** Without it the process counts for itself. */
  redisUrl: string | undefined;
  /** Keeps services that share one Redis apart. */
  prefix?: string;
}

/** How long a sign-in waits for Redis before it goes on by what this process has counted, in milliseconds. */
const PATIENCE_MS = 200;

/**
 * Counts in Redis, for all processes together. While Redis is away each process counts for itself: the limits are then
 * looser by the number of processes, and never gone.
 */
export class RedisAttemptStore implements AttemptStore {
  private readonly local = new MemoryAttemptStore();
  private readonly client: ReturnType<typeof connectable>;

  constructor(
    url: string,
    private readonly prefix: string,
    onError: (error: Error) => void,
  ) {
    this.client = connectable(url);
    this.client.on('error', onError);
    this.client.connect().catch(onError);
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

  close(): void {
    this.client.destroy();
  }

  private countKey(key: string): string {
    return `${this.prefix}attempts:${key}`;
  }

  private blockKey(key: string): string {
    return `${this.prefix}blocked:${key}`;
  }

  /** Undefined when Redis is away or takes its time. */
  private async ask<Result>(commands: () => Promise<Result>): Promise<Result | undefined> {
    if (!this.client.isReady) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS, undefined);
    });
    return Promise.race([commands().catch(() => undefined), patience]).finally(() => clearTimeout(timer));
  }
}

function connectable(url: string) {
  return createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: 10_000,
    pingInterval: 1000,
    socket: {
      connectTimeout: 2000,
      socketTimeout: 3000,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, 1000) + Math.floor(Math.random() * 50),
    },
  });
}

async function attemptStore(app: FastifyInstance, { redisUrl, prefix = 'chat-api:' }: AttemptStoreOptions) {
  if (redisUrl === undefined) {
    app.decorate('attemptStore', new MemoryAttemptStore());
    return;
  }
  const store = new RedisAttemptStore(redisUrl, prefix, (error) =>
    app.log.warn({ err: error }, 'Redis is away; failed sign-ins are counted here alone'),
  );
  app.decorate('attemptStore', store);
  app.addHook('onClose', async () => store.close());
}

export default fp(attemptStore, { name: 'attempt-store' });

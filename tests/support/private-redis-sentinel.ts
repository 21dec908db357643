import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Keeper } from './keeper.js';
import { PrivateRedis } from './private-redis.js';
import { redisCli } from './redis-cli.js';
import { waitUntil } from './wait-until.js';

/** After so long without an answer a master counts as gone. */
const DOWN_AFTER_MS = 1000;
/** Sentinels give up a failover one step of which takes longer. */
const FAILOVER_TIMEOUT_MS = 2000;
const BOUND_MS = 20_000;
export const MASTER_NAME = 'chat';

/** A master, a replica and three sentinels, on this machine, with a password. */
export class PrivateRedisSentinel {
  private constructor(
    readonly data: readonly PrivateRedis[],
    readonly sentinels: readonly PrivateRedis[],
    readonly password: string,
  ) {}

  /** @param sentinelPassword empty for sentinels that ask for none */
  static async start(keeper: Keeper, password: string, sentinelPassword = ''): Promise<PrivateRedisSentinel> {
    const access = { requirepass: password, masterauth: password, 'repl-diskless-sync-delay': 0 };
    const master = await PrivateRedis.start(keeper, access);
    const replica = await PrivateRedis.start(keeper, { ...access, replicaof: `127.0.0.1 ${master.port}` });
    const sentinels: PrivateRedis[] = [];
    for (let index = 0; index < 3; index += 1) {
      const folder = await keeper.folder('chat-api-sentinel');
      const file = join(folder, 'sentinel.conf');
      const lines = [
        `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${master.port} 2`,
        `sentinel auth-pass ${MASTER_NAME} ${password}`,
        `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
        `sentinel failover-timeout ${MASTER_NAME} ${FAILOVER_TIMEOUT_MS}`,
        ...(sentinelPassword ? [`requirepass ${sentinelPassword}`] : []),
      ];
      await writeFile(file, `${lines.join('\n')}\n`);
      sentinels.push(await PrivateRedis.startSentinel(keeper, file));
    }
    const whole = new PrivateRedisSentinel([master, replica], sentinels, password);
    await whole.settled();
    return whole;
  }

  /** REDIS_URL. */
  get url(): string {
    const hosts = this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return `redis+sentinel://:${this.password}@${hosts}/${MASTER_NAME}`;
  }

  /** Resolves when the sentinels know each other and a replica that they may promote, and agree on the master. */
  async settled(): Promise<void> {
    await waitUntil('Sentinels in order', BOUND_MS, async () => {
      const master = await this.master();
      const replication = await this.ask(master, ['INFO', 'replication']);
      if (!/role:master[\s\S]*connected_slaves:1\r?\n[\s\S]*state=online/.test(replication)) return false;
      for (const sentinel of this.sentinels) {
        const replicas = await this.ask(sentinel, ['--json', 'SENTINEL', 'REPLICAS', MASTER_NAME]);
        const others: unknown[] = JSON.parse(
          await this.ask(sentinel, ['--json', 'SENTINEL', 'SENTINELS', MASTER_NAME]),
        );
        if (!replicas.includes('"flags","slave",') || others.length < 2) return false;
      }
      return true;
    });
  }

  /** The master that the last two sentinels name; the first may be kept from answering. */
  async master(): Promise<PrivateRedis> {
    const named = await Promise.all(
      this.sentinels
        .slice(1)
        .map((sentinel) => this.ask(sentinel, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME])),
    );
    const ports = new Set(named.map((text) => Number(text.split('\n')[1])));
    const master = this.data.find(({ port }) => ports.has(port));
    if (!master || ports.size > 1) throw new Error('The sentinels do not agree.');
    return master;
  }

  /** Resolves when the sentinels name another master than this. */
  async replaced(former: PrivateRedis): Promise<void> {
    await waitUntil('A new master', BOUND_MS, async () => (await this.master()) !== former);
  }

  /** The sentinels make the replica the master. A busy machine may take longer than their time limit: then they give it up, and are asked again. */
  async failOver(): Promise<void> {
    const former = await this.master();
    const [first] = this.sentinels;
    let askAgainAt = 0;
    await waitUntil('A new master', 3 * BOUND_MS, async () => {
      if ((await this.master()) !== former) return true;
      if (first && performance.now() >= askAgainAt) {
        await this.ask(first, ['SENTINEL', 'FAILOVER', MASTER_NAME]);
        askAgainAt = performance.now() + 4 * FAILOVER_TIMEOUT_MS;
      }
      return false;
    });
  }

  ask(server: PrivateRedis, words: readonly string[]): Promise<string> {
    const password = this.sentinels.includes(server) ? '' : this.password;
    return redisCli(password, ['-p', String(server.port), ...words]);
  }
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisBus } from '../../src/delivery/redis-bus.js';
import { lookAtRedis } from '../../src/operator/doctor/redis.js';
import { RedisAttemptStore } from '../../src/plugins/redis-attempt-store.js';
import { Keeper } from '../support/keeper.js';
import { missingRedis } from '../support/private-redis.js';
import { PrivateRedisCluster } from '../support/private-redis-cluster.js';
import { startTeam } from '../support/service.js';
import { Talk } from '../support/talk.js';
import { waitUntil } from '../support/wait-until.js';

/** A part of URLs in which it must be escaped nowhere. */
const PASSWORD = 'correct-horse-battery';
const CHATS = 12;
/** A lost message is found by the next comparison with the log, a second after the one before. Room for a busy machine. */
const PROBED_MS = 4000;
/** From the end of a fault until the bus works as before. */
const RECOVERY_MS = 30_000;
const PREFIX = 'chat-api:test:';

const missing = missingRedis(['redis-server', 'redis-cli']);
if (missing) console.log(`Skipped: the tests of a Redis Cluster. ${missing}`);

describe.skipIf(missing !== undefined)(
  'On a Redis Cluster of six nodes (skipped without redis-server and redis-cli)',
  () => {
    let keeper: Keeper;
    let cluster: PrivateRedisCluster;
    let team: Awaited<ReturnType<typeof startTeam>>;
    let talk: Talk;

    beforeAll(async () => {
      keeper = new Keeper();
      cluster = await PrivateRedisCluster.start(keeper, PASSWORD);
      team = await startTeam(2, { REDIS_URL: cluster.url, LOG_LEVEL: 'debug' });
      talk = await Talk.start(team, CHATS);
      await talk.untilOverBus(RECOVERY_MS);
    }, 120_000);
    afterAll(async () => {
      await team?.close();
      await keeper.close();
    });

    it('delivery goes on while a master is killed, and over its replica afterwards', { timeout: 120_000 }, async () => {
      const [master] = await cluster.nodes('master');
      if (!master) throw new Error('no master');
      await master.server.kill();
      await cluster.replaced(master.server);
      await talk.untilOverBus(RECOVERY_MS);
      await master.server.restart();
      await cluster.settled();
      await talk.untilOverBus(RECOVERY_MS);
    });

    it('while one hangs, and when it goes on', { timeout: 120_000 }, async () => {
      const [, master] = await cluster.nodes('master');
      if (!master) throw new Error('no master');
      master.server.freeze();
      try {
        await cluster.replaced(master.server);
        await talk.untilOverBus(RECOVERY_MS);
      } finally {
        master.server.thaw();
      }
      await cluster.settled();
      await talk.untilOverBus(RECOVERY_MS);
    });

    it('when a replica takes over in agreement', { timeout: 120_000 }, async () => {
      const [, , master] = await cluster.nodes('master');
      if (!master) throw new Error('no master');
      await cluster.failOver(master);
      await talk.untilOverBus(RECOVERY_MS);
      await cluster.settled();
    });

    it('when a slot moves, and the counts in it stay', { timeout: 120_000 }, async () => {
      const open = () => new RedisAttemptStore(cluster.url, PREFIX, () => {});
      const [one, two] = [open(), open()];
      // Until both are connected each counts for itself.
      await waitUntil('Counting together', 10_000, async () => {
        await one.count('ann', 60_000);
        return (await two.count('ann', 60_000)) > (await two.count('alone', 60_000)) + 1;
      });
      const { master, others, slot } = await cluster.masterOf(`${PREFIX}attempts:ann`);
      const [other] = others;
      if (!other) throw new Error('A cluster has three masters.');
      const before = await one.count('ann', 60_000);
      await cluster.moveSlot(slot, master, other);
      expect(await two.count('ann', 60_000)).toBe(before + 1);
      await one.block('ann', 30_000);
      expect((await two.blockedMs(['ann', 'bob']))[0]).toBeGreaterThan(20_000);
      await two.forget('ann');
      expect(await one.remembers('device')).toBe(false);
      await one.remember('device', 30_000);
      expect(await two.remembers('device')).toBe(true);
      await Promise.all([one.close(), two.close()]);
      const chat = await cluster.masterOf(talk.channels[0] ?? '');
      const [next] = chat.others;
      if (next) await cluster.moveSlot(chat.slot, chat.master, next);
      await talk.untilOverBus(RECOVERY_MS);
    });

    it('a URL in the form of one Redis is refused, and says what to write; the doctor looks at every master', async () => {
      const [server] = cluster.servers;
      const url = `redis://:${PASSWORD}@127.0.0.1:${server?.port}`;
      const bus = RedisBus.connect({ url, prefix: PREFIX, key: Buffer.alloc(32), onError: () => {} });
      await expect(bus).rejects.toThrow(
        /is a node of a cluster. Name the cluster: redis:\/\/host1:6379,redis:\/\/host2/,
      );
      expect((await lookAtRedis(url, true)).map(({ level }) => level)).toEqual(['problem']);
      const findings = await lookAtRedis(cluster.url, true);
      expect(findings.map(({ level }) => level)).toEqual(Array.from({ length: 7 }, () => 'ok'));
      expect(findings[0]?.sentence).toBe('The Redis Cluster has 3 masters, and a node for every slot.');
    });

    it('while all of it is down and after it is up again', { timeout: 120_000 }, async () => {
      for (const server of cluster.servers) await server.kill();
      await waitUntil('A failed check', 5000, () =>
        team.first.app.bus.check().then(
          () => false,
          () => true,
        ),
      );
      for (const server of cluster.servers) await server.restart();
      await talk.untilOverBus(RECOVERY_MS);
    });

    it('nothing was lost, doubled or out of order, nothing late, and no password in the log', {
      timeout: 90_000,
    }, async () => {
      // A busy machine sends fewer in the time that the failures take.
      await waitUntil('Enough was said', 60_000, () => talk.sent.length > 300);
      const worst = await talk.end();
      expect(talk.sent.length).toBeGreaterThan(300);
      expect(worst).toBeLessThan(PROBED_MS);
      for (const { log } of team.services) expect(log.join('')).not.toContain(PASSWORD);
    });
  },
);

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisBus } from '../../src/delivery/redis-bus.js';
import { lookAtRedis } from '../../src/operator/doctor/redis.js';
import { Keeper } from '../support/keeper.js';
import { missingRedis } from '../support/private-redis.js';
import { PrivateRedisSentinel } from '../support/private-redis-sentinel.js';
import { startTeam } from '../support/service.js';
import { Talk } from '../support/talk.js';
import { waitUntil } from '../support/wait-until.js';

/** Not alike any other text in a log. */
const PASSWORD = 'correct-horse-battery';
const CHATS = 3;
/** A lost message is found by the next comparison with the log, a second after the one before. Room for a busy machine. */
const PROBED_MS = 4000;
/** From the end of a fault until the bus works as before. */
const RECOVERY_MS = 30_000;

const missing = missingRedis(['redis-server', 'redis-cli']);
if (missing) console.log(`Skipped: the tests of Redis Sentinel. ${missing}`);

describe.skipIf(missing !== undefined)('Behind three sentinels (skipped without redis-server and redis-cli)', () => {
  let keeper: Keeper;
  let redis: PrivateRedisSentinel;
  let team: Awaited<ReturnType<typeof startTeam>>;
  let talk: Talk;

  beforeAll(async () => {
    keeper = new Keeper();
    redis = await PrivateRedisSentinel.start(keeper, PASSWORD);
    team = await startTeam(2, { REDIS_URL: redis.url, LOG_LEVEL: 'debug' });
    talk = await Talk.start(team, CHATS);
    await talk.untilOverBus(RECOVERY_MS);
  }, 120_000);
  afterAll(async () => {
    await team?.close();
    await keeper.close();
  });

  it('delivery goes on while the master is killed, and over its replica afterwards', { timeout: 120_000 }, async () => {
    const master = await redis.master();
    await master.kill();
    await redis.replaced(master);
    await talk.untilOverBus(RECOVERY_MS);
    await master.restart();
    await redis.settled();
  });

  it('while it hangs, and when it goes on', { timeout: 120_000 }, async () => {
    const master = await redis.master();
    const [sentinel] = redis.sentinels;
    sentinel?.freeze();
    master.freeze();
    try {
      await redis.replaced(master);
      await talk.untilOverBus(RECOVERY_MS);
    } finally {
      master.thaw();
      sentinel?.thaw();
    }
    await redis.settled();
    await talk.untilOverBus(RECOVERY_MS);
  });

  it('when the sentinels make the replica the master', { timeout: 120_000 }, async () => {
    await redis.failOver();
    await talk.untilOverBus(RECOVERY_MS);
  });

  it('a URL in another form is refused, and says what to write; the doctor looks at the master', async () => {
    const refused = async (url: string, sentence: RegExp) => {
      const bus = RedisBus.connect({ url, prefix: 'x:', key: Buffer.alloc(32), onError: () => {} });
      await expect(bus).rejects.toThrow(sentence);
    };
    const [sentinel, master] = [redis.sentinels[1], await redis.master()];
    const name = `127.0.0.1:${sentinel?.port}`;
    await refused(`redis://${name}`, /is a sentinel. Name its master: redis\+sentinel:/);
    await refused(`redis+cluster://${name}`, /is not a node of one. Name the sentinels: redis\+sentinel:/);
    await refused(
      `redis+cluster://:${PASSWORD}@127.0.0.1:${master.port}`,
      /is not a node of one. Name it alone: redis:/,
    );
    await refused(`redis+sentinel://:${PASSWORD}@${name}/other`, /knows no master other\.$/);
    await refused(`redis+sentinel://:${PASSWORD}@127.0.0.1:${master.port}/chat`, /as a sentinel, which it is not/);
    const findings = await lookAtRedis(redis.url, true);
    expect(findings.map(({ level }) => level)).toEqual(['ok', 'ok', 'ok']);
  });

  it('while all of it is down and after it is up again', { timeout: 120_000 }, async () => {
    const all = [...redis.sentinels, ...redis.data];
    for (const server of all) await server.kill();
    await waitUntil('A failed check', 5000, () =>
      team.first.app.bus.check().then(
        () => false,
        () => true,
      ),
    );
    for (const server of all) await server.restart();
    await talk.untilOverBus(RECOVERY_MS);
  });

  it('nothing was lost, doubled or out of order, nothing late, and no password in the log', {
    timeout: 90_000,
  }, async () => {
    // A busy machine sends fewer in the time that the failures take.
    await waitUntil('Enough was said', 60_000, () => talk.sent.length > 200);
    const worst = await talk.end();
    expect(talk.sent.length).toBeGreaterThan(200);
    expect(worst).toBeLessThan(PROBED_MS);
    for (const { log } of team.services) expect(log.join('')).not.toContain(PASSWORD);
  });
});

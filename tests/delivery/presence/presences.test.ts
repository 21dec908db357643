import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parsePresence } from '../../../src/delivery/presence/presence-on-bus.js';
import type { PresenceTimes } from '../../../src/delivery/presence/presence-state.js';
import type { PresenceWatch } from '../../../src/delivery/presence/presence-watch.js';
import type { Presence, PresenceStatus } from '../../../src/domain/presence.js';
import { toProfile, type UserProfile } from '../../../src/domain/profile.js';
import { Random } from '../../faults/random.js';
import { type BusPort, busPorts } from '../../support/bus-port.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { chooseSeed } from '../../support/seed.js';
import { startServices, type TestServices, viewerOf } from '../../support/services.js';
import { waitUntil } from '../../support/wait-until.js';

const TIMES: PresenceTimes = { batchMs: 40, lingerMs: 200, aliveMs: 800, silenceMs: 60_000, writeMs: 12_000 };

let database: TestDatabase;
const running: TestServices[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  for (const services of running.splice(0)) await services.close();
});

afterAll(() => database.drop());

/** A process of the service, for the time of the test. */
async function start(bus: BusPort | undefined, presenceTimes: Partial<PresenceTimes> = TIMES): Promise<TestServices> {
  const services = await startServices(database, bus, { presenceTimes });
  running.push(services);
  return services;
}

async function startTwo(times?: Partial<PresenceTimes>) {
  const [first, second] = await busPorts(2);
  return { one: await start(first, times), two: await start(second, times), first, second };
}

/** Three users who share a chat. */
async function newFriends({ db, chats, memberships }: TestServices): Promise<[UserProfile, UserProfile, UserProfile]> {
  const chat = await chats.create(crypto.randomUUID().replace('-', ' '));
  const newFriend = async () => {
    const id = crypto.randomUUID();
    const user = toProfile(await db.prisma.user.create({ data: { id, username: id } }));
    await memberships.add(null, chat.id, id);
    return user;
  };
  return [await newFriend(), await newFriend(), await newFriend()];
}

/** What the viewer is told of this user. */
async function statusOf(
  services: TestServices,
  viewer: UserProfile,
  user: UserProfile,
): Promise<PresenceStatus | null> {
  const [presence] = await services.presences.read(viewerOf(viewer), [user.id]);
  return presence?.status ?? null;
}

const becomes = (services: TestServices, viewer: UserProfile, user: UserProfile, status: PresenceStatus) =>
  waitUntil(`${user.username} is ${status} to ${viewer.username}`, 5000, async () => {
    return (await statusOf(services, viewer, user)) === status;
  });

/** A process has told the others that nothing of the user is open there. */
const letsGo = (port: BusPort | undefined, { id }: UserProfile) =>
  waitUntil('the process lets go of the user', 5000, () => {
    const said = port?.said('presence').map(({ payload }) => parsePresence(payload)) ?? [];
    const entries = said.flatMap((message) => message.entries).filter(({ userId }) => userId === id);
    return entries.at(-1)?.isOnline === false;
  });

/** All states that a watch was told of. */
function tell(watch: PresenceWatch): Presence[] {
  const told: Presence[] = [];
  watch.listen(() => told.push(...watch.take()));
  return told;
}

it('what waits to be told is asked anew when the token has another reach, and only that', async () => {
  const one = await start(undefined);
  const [ann, bob] = await newFriends(one);
  const shared = await one.chats.create(crypto.randomUUID().replace('-', ' '));
  for (const { id } of [ann, bob]) await one.memberships.add(null, shared.id, id);
  const watch = await one.presences.watch(viewerOf(ann), [ann.id, bob.id]);
  expect(watch.hasWaiting).toBe(true);
  watch.chats = new Set([crypto.randomUUID()]);
  expect(watch.hasWaiting).toBe(false);
  const told = tell(watch);
  await waitUntil('ann is told of herself', 5000, () => told.length > 0);
  expect(told.map(({ userId }) => userId)).toEqual([ann.id]);
  watch.chats = new Set([shared.id]);
  const socket = one.presences.opened(bob.id);
  await waitUntil('ann is told of bob', 5000, () => told.length > 1);
  expect(told.at(-1)).toMatchObject({ userId: bob.id, status: 'online' });
  socket.closed();
  watch.close();
});

describe('a user', () => {
  it('is online in every process while something of theirs is open, and a while longer', async () => {
    const { one, two, first } = await startTwo();
    const [ann, bob] = await newFriends(one);
    expect(await statusOf(two, bob, ann)).toBe('offline');
    const sockets = [one.presences.opened(ann.id), one.presences.opened(ann.id)];
    await becomes(two, bob, ann, 'online');
    await becomes(one, bob, ann, 'online');
    // The second time is one too many, and does nothing.
    sockets[0]?.closed();
    sockets[0]?.closed();
    const watch = await two.presences.watch(viewerOf(bob), [ann.id]);
    const told = tell(watch);
    // Who comes back in time was never gone.
    sockets[1]?.closed();
    const elsewhere = two.presences.opened(ann.id);
    await letsGo(first, ann);
    expect(told.map(({ status }) => status)).toEqual(['online']);
    elsewhere.closed();
    await waitUntil('it is told', 5000, () => told.length > 1);
    expect(told.map(({ status }) => status)).toEqual(['online', 'offline']);
    watch.close();
  });

  it('is known to a process that starts later', async () => {
    const [first, second] = await busPorts(2);
    const one = await start(first);
    const [ann, bob] = await newFriends(one);
    one.presences.opened(ann.id);
    await becomes(one, bob, ann, 'online');
    const two = await start(second);
    await becomes(two, bob, ann, 'online');
  });

  it('whose coming or going another process did not hear is shown as they are all the same', async () => {
    const { one, two, first } = await startTwo();
    const [ann, bob, cid] = await newFriends(one);
    const going = one.presences.opened(bob.id);
    await becomes(two, cid, bob, 'online');
    first?.mute();
    one.presences.opened(ann.id);
    going.closed();
    await becomes(one, cid, ann, 'online');
    await becomes(one, cid, bob, 'offline');
    expect([await statusOf(two, cid, ann), await statusOf(two, cid, bob)]).toEqual(['offline', 'online']);
    first?.unmute();
    await becomes(two, cid, ann, 'online');
    await becomes(two, cid, bob, 'offline');
  });

  it('of a process that died is online a minute longer at most', async () => {
    const times = { ...TIMES, aliveMs: 400, silenceMs: 2400 };
    const { one, two, first } = await startTwo(times);
    const [ann, bob] = await newFriends(one);
    one.presences.opened(ann.id);
    await becomes(two, bob, ann, 'online');
    first?.cut();
    const diedAt = performance.now();
    await becomes(two, bob, ann, 'offline');
    // Its last word may have been a moment before, and reading takes a moment.
    expect(performance.now() - diedAt).toBeGreaterThan(times.silenceMs - times.aliveMs - 200);
    expect(two.presences.size).toBe(0);
  });

  it('of a process that stops may come back elsewhere as if nothing had happened', async () => {
    const { one, two } = await startTwo({ ...TIMES, lingerMs: 1500 });
    const [ann, bob, cid] = await newFriends(one);
    one.presences.opened(ann.id);
    one.presences.opened(bob.id);
    await becomes(two, cid, ann, 'online');
    await becomes(two, cid, bob, 'online');
    const watch = await two.presences.watch(viewerOf(cid), [ann.id, bob.id]);
    const told = tell(watch);
    running.splice(running.indexOf(one), 1);
    await one.close();
    two.presences.opened(ann.id);
    await waitUntil('who did not come back is told of', 5000, () => told.length > 2);
    expect(told.map(({ userId, status }) => [userId, status])).toEqual([
      [ann.id, 'online'],
      [bob.id, 'online'],
      [bob.id, 'offline'],
    ]);
    watch.close();
  });
});

describe('what others are shown', () => {
  it('is what the user chose, on every process, until the last socket is gone', async () => {
    const { one, two, first } = await startTwo();
    const [ann, bob] = await newFriends(one);
    const [here, there] = [one.presences.opened(ann.id), two.presences.opened(ann.id)];
    await becomes(one, bob, ann, 'online');
    expect(await one.presences.choose(viewerOf(ann), 'away')).toMatchObject({ userId: ann.id, status: 'away' });
    await becomes(two, bob, ann, 'away');
    expect(await two.presences.choose(viewerOf(ann), 'invisible')).toMatchObject({ status: 'online' });
    await becomes(one, bob, ann, 'offline');
    expect([await statusOf(one, ann, ann), await statusOf(two, ann, ann)]).toEqual(['online', 'online']);
    here.closed();
    await letsGo(first, ann);
    const watch = await one.presences.watch(viewerOf(bob), [ann.id]);
    const told = tell(watch);
    there.closed();
    await waitUntil('the user is gone', 5000, () => one.presences.size + two.presences.size === 0);
    one.presences.opened(ann.id);
    await becomes(two, bob, ann, 'online');
    await waitUntil('the watch is told', 5000, () => told.length > 1);
    expect(told.map(({ status }) => status)).toEqual(['offline', 'online']);
    watch.close();
  });

  it('does not tell when an invisible user is active', async () => {
    const { one } = await startTwo();
    const [ann, bob] = await newFriends(one);
    const now = Date.now();
    await one.db.pool.query('UPDATE users SET last_active_at = $2 WHERE id = $1', [ann.id, new Date(now - 3_600_000)]);
    await one.presences.choose(viewerOf(ann), 'invisible');
    const [before] = await one.presences.read(viewerOf(bob), [ann.id]);
    const attendance = one.presences.opened(ann.id);
    attendance.active();
    one.presences.active(ann.id);
    const [after] = await one.presences.read(viewerOf(bob), [ann.id]);
    expect(after).toEqual(before);
    expect(after).toMatchObject({ status: 'offline' });
    expect(Date.parse(after?.lastActiveAt ?? '')).toBeLessThan(now - 3_500_000);
  });

  it('is a minute, and null for who never was there', async () => {
    const { one, two } = await startTwo();
    const [ann, bob, cid] = await newFriends(one);
    one.presences.active(ann.id);
    const before = Math.floor(Date.now() / 60_000) * 60_000;
    const presences = await one.presences.read(viewerOf(cid), [ann.id, bob.id]);
    expect(presences.map(({ status }) => status)).toEqual(['offline', 'offline']);
    expect(Date.parse(presences[0]?.lastActiveAt ?? '') - before).toBeLessThanOrEqual(60_000);
    expect(presences[0]?.lastActiveAt).toMatch(/:00\.000Z$/);
    expect(presences[1]?.lastActiveAt).toBeNull();
    // Another process reads it from the database.
    await waitUntil('it is written', 5000, async () => {
      const [presence] = await two.presences.read(viewerOf(cid), [ann.id]);
      return presence?.lastActiveAt === presences[0]?.lastActiveAt;
    });
  });

  it('is nothing of strangers and of nobody, and each user once', async () => {
    const { one } = await startTwo();
    const [ann, bob] = await newFriends(one);
    const [stranger] = await newFriends(one);
    const id = crypto.randomUUID();
    const admin = toProfile(await one.db.prisma.user.create({ data: { id, username: id, role: 'admin' } }));
    const ids = [...[ann.id, bob.id], ann.id.toUpperCase(), stranger.id, admin.id, crypto.randomUUID(), 'x', ''];
    const read = async (user: UserProfile) =>
      (await one.presences.read(viewerOf(user), ids)).map(({ userId }) => userId);
    expect(await read(ann)).toEqual([ann.id, bob.id]);
    expect(await read(stranger)).toEqual([stranger.id]);
    // An admin is no exception.
    expect(await read(admin)).toEqual([admin.id]);
    const many = Array.from({ length: 101 }, () => ann.id);
    const tooMany = { code: 'BAD_USER_INPUT', field: 'userIds' };
    await expect(one.presences.read(viewerOf(ann), many)).rejects.toMatchObject(tooMany);
    await expect(one.presences.watch(viewerOf(ann), many)).rejects.toMatchObject(tooMany);
  });
});

describe('a watch', () => {
  it('is told of a user no longer when they share no chat any more', async () => {
    const { one, two } = await startTwo();
    const [ann, bob, cid] = await newFriends(one);
    const watch = await two.presences.watch(viewerOf(bob), [ann.id, cid.id]);
    const told = tell(watch);
    one.presences.opened(ann.id);
    await waitUntil('the change is told', 5000, () => told.length === 3);
    const { rows } = await one.db.pool.query<{ chat_id: string }>(
      'SELECT chat_id FROM chat_memberships WHERE user_id = $1',
      [ann.id],
    );
    await one.memberships.remove(null, String(rows[0]?.chat_id), ann.id);
    await one.presences.choose(viewerOf(ann), 'away');
    one.presences.opened(cid.id);
    await waitUntil('the other one is told', 5000, () => told.length === 4);
    expect(told.map(({ userId, status }) => [userId, status])).toEqual([
      [ann.id, 'offline'],
      [cid.id, 'offline'],
      [ann.id, 'online'],
      [cid.id, 'online'],
    ]);
    watch.close();
  });

  it('holds the newest state of each user for who does not take it', async () => {
    const { one } = await startTwo();
    const [ann, bob] = await newFriends(one);
    const watch = await one.presences.watch(viewerOf(bob), [ann.id]);
    one.presences.opened(ann.id);
    await becomes(one, bob, ann, 'online');
    const other = await one.presences.watch(viewerOf(bob), [ann.id]);
    const told = tell(other);
    await one.presences.choose(viewerOf(ann), 'away');
    await waitUntil('both are told', 5000, () => told.some(({ status }) => status === 'away'));
    expect(watch.take()).toMatchObject([{ userId: ann.id, status: 'away' }]);
    expect(watch.take()).toEqual([]);
    watch.close();
    other.close();
  });

  it('counts for its user, who has a bounded number of them', async () => {
    const { one } = await startTwo();
    const [ann] = await newFriends(one);
    const strangers = Array.from({ length: 99 }, () => crypto.randomUUID());
    const watches: PresenceWatch[] = [];
    const open = async () => watches.push(await one.presences.watch(viewerOf(ann), [ann.id, ...strangers]));
    for (let index = 0; index < 100; index += 1) await open();
    await expect(open()).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    watches[0]?.close();
    await open();
    for (const watch of watches) watch.close();
  });
});

it('ten thousand users who come and go all the time cost one message in a second', async () => {
  const { one, two, first, second } = await startTwo({ ...TIMES, batchMs: 100, lingerMs: 300 });
  const userIds = Array.from({ length: 10_000 }, () => crypto.randomUUID());
  const open = new Map<string, { closed(): void }>();
  const random = new Random(chooseSeed());
  const flap = () => {
    for (const userId of userIds) {
      const attendance = open.get(userId);
      if (attendance && random.chance(0.5)) {
        attendance.closed();
        open.delete(userId);
      } else if (!attendance) open.set(userId, one.presences.opened(userId));
    }
  };
  const startedAt = performance.now();
  while (performance.now() - startedAt < 2000) {
    flap();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  for (const userId of userIds) if (!open.has(userId)) open.set(userId, one.presences.opened(userId));
  await waitUntil('the other process knows them all', 10_000, () => two.presences.size === 10_000);
  for (const attendance of open.values()) attendance.closed();
  await waitUntil('the other process has seen them go', 10_000, () => two.presences.size === 0);
  for (const port of [first, second]) {
    const times = port?.said('presence').map(({ at }) => at) ?? [];
    expect(times.length).toBeGreaterThan(0);
    const tooSoon = times.filter((at, index) => at - (times[index - 1] ?? Number.NEGATIVE_INFINITY) < 98);
    expect(tooSoon).toEqual([]);
  }
});

import { afterAll, beforeAll, expect, it } from 'vitest';
import { InProcessBus } from '../../src/delivery/in-process-bus.js';
import { startOwnServices, startServices, type TestServices, viewerOf } from '../support/services.js';

let one: Awaited<ReturnType<typeof startOwnServices>>;
/** A second process on the same database, which knows nothing of the first one's turns. */
let two: TestServices;

beforeAll(async () => {
  one = await startOwnServices();
  two = await startServices(one.database, new InProcessBus());
  await one.clients.create({ name: 'App', id: 'app', grants: ['password', 'client_credentials'] });
});

afterAll(async () => {
  await two.close();
  await one.close();
});

/** A second of statements is enough for PostgreSQL to notice a deadlock, and to fail one that is in it. */
const MOST_MS = 900;

const issue = (services: TestServices, userId: string | null) =>
  services.tokens.issue({ clientId: 'app', userId, scopes: ['read', 'write'], withRefreshToken: true });

async function signIn(userId: string) {
  const viewer = await one.tokens.authenticate((await issue(one, userId))?.accessToken ?? '');
  if (!viewer) throw new Error('No token was issued.');
  return viewer;
}

/** Asks for a chat as its member, again and again until the work is done, and returns the slowest answer in milliseconds. */
async function slowestAnswerDuring(work: Promise<unknown>): Promise<number> {
  const bob = await one.newUser();
  const { id } = await one.newChat(bob);
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  let slowest = 0;
  while (!isDone) {
    const startedAt = performance.now();
    expect(await one.chats.find(viewerOf(bob), { id })).not.toBeNull();
    slowest = Math.max(slowest, performance.now() - startedAt);
  }
  await done;
  return slowest;
}

const inBothProcesses = <Result>(count: number, work: (services: TestServices) => Promise<Result>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index % 2 === 0 ? one : two)));

async function count(table: string, column: string, value: string): Promise<number> {
  const { rows } = await one.db.pool.query(`SELECT count(*)::int FROM ${table} WHERE ${column} = $1`, [value]);
  return rows[0].count;
}

it('200 tickets of one sign-in at once are made, ten are kept, and nobody else waits for them', async () => {
  const viewer = await signIn((await one.newUser()).id);
  const tickets = Promise.all(Array.from({ length: 200 }, () => one.tokens.createSocketTicket(viewer)));
  expect(await slowestAnswerDuring(tickets)).toBeLessThan(MOST_MS);
  expect(new Set(await tickets).size).toBe(200);
  expect(await count('socket_tickets', 'family_id', viewer.familyId)).toBe(10);
});

it('tickets of one sign-in that are made and used in two processes at once wait for none of the other’s', async () => {
  const viewer = await signIn((await one.newUser()).id);
  const work = inBothProcesses(200, async (services) =>
    services.tokens.redeemSocketTicket(await services.tokens.createSocketTicket(viewer)),
  );
  expect(await slowestAnswerDuring(work)).toBeLessThan(MOST_MS);
  await one.tokens.createSocketTicket(viewer);
  expect(await count('socket_tickets', 'family_id', viewer.familyId)).toBeLessThanOrEqual(10);
});

it('sign-ins of one user and of one client above the thousand that are kept end in two processes at once', async () => {
  const user = await one.newUser();
  for (const userId of [user.id, null]) {
    await one.db.pool.query(
      `INSERT INTO token_families (id, client_id, user_id, created_at)
       SELECT gen_random_uuid(), 'app', $1, now() - n * interval '1 ms' FROM generate_series(1, 1500) n`,
      [userId],
    );
    const work = inBothProcesses(40, (services) => issue(services, userId));
    expect(await slowestAnswerDuring(work)).toBeLessThan(MOST_MS);
    expect((await work).includes(undefined)).toBe(false);
  }
  await issue(one, user.id);
  expect(await count('token_families', 'user_id', user.id)).toBe(1000);
});

it('browsers of one user above the hundred that are kept end in two processes at once', async () => {
  const user = await one.newUser();
  await one.db.pool.query(
    `INSERT INTO browser_sessions (hash, user_id, expires_at)
     SELECT decode(md5(n::text), 'hex'), $1, now() + n * interval '1 s' FROM generate_series(1, 300) n`,
    [user.id],
  );
  const work = inBothProcesses(100, (services) => services.browserSessions.start(user.id, undefined));
  expect(await slowestAnswerDuring(work)).toBeLessThan(MOST_MS);
  expect((await work).includes(undefined)).toBe(false);
  await one.browserSessions.start(user.id, undefined);
  expect(await count('browser_sessions', 'user_id', user.id)).toBe(100);
});

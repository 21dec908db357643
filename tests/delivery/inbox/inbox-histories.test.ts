import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { assertProperty } from '../../support/property.js';
import { startServices, type TestServices, viewerOf } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';
import { RecordingInbox } from './recording-inbox.js';

const USERS = 3;
const CHATS = 4;
const HISTORIES = 150;
const PROBE_INTERVAL_MS = 15;

/** Loses every n-th payload while it is told to. */
class LossyBus extends InProcessBus {
  private count = 0;
  every = 0;

  override publish(topic: string, payload: string): Promise<void> {
    this.count += 1;
    return this.every > 0 && this.count % this.every === 0 ? Promise.resolve() : super.publish(topic, payload);
  }
}

const bus = new LossyBus();
let database: TestDatabase;
let services: TestServices;
let users: UserProfile[];

beforeAll(async () => {
  database = await createTestDatabase();
  services = await startServices(database, bus, {
    probeIntervalMs: PROBE_INTERVAL_MS,
    // Chats go to rest and wake all the time.
    inboxes: { restIntervalMs: PROBE_INTERVAL_MS },
  });
  users = [];
  for (let count = 0; count < USERS; count += 1) users.push(await services.newUser());
});

afterAll(async () => {
  await services.close();
  await database.drop();
});

const user = fc.nat({ max: USERS - 1 });
const chat = fc.nat({ max: CHATS - 1 });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), user, chat }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('add' as const), user, chat }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), user, chat }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const), user }) },
  /** Comes back with one of the positions that the client had, the newest or an older one. */
  { weight: 2, arbitrary: fc.record({ do: fc.constant('resume' as const), user, back: fc.nat({ max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), every: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fill' as const), user }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hold' as const) }) },
  /** Time for a look at the database. */
  { weight: 1, arbitrary: fc.constant({ do: 'pause' as const }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** The numbers that a member since the chat's beginning gets: of each membership, the join, what follows, and the removal. */
async function expected(chatId: string, userId: string): Promise<number[]> {
  const { rows } = await services.db.pool.query(
    `SELECT c.last_seq, e.seq, e.kind FROM chats c LEFT JOIN chat_events e ON e.chat_id = c.id AND e.subject_id = $2
     WHERE c.id = $1 ORDER BY e.seq`,
    [chatId, userId],
  );
  const head: number = rows[0].last_seq;
  const seqs: number[] = [];
  let joined: number | undefined;
  for (const { seq, kind } of rows) {
    if (kind === 'member.added') joined = seq;
    else if (kind === 'member.removed' && joined !== undefined) {
      for (let each = joined; each <= seq; each += 1) seqs.push(each);
      joined = undefined;
    }
  }
  if (joined !== undefined) for (let each = joined; each <= head; each += 1) seqs.push(each);
  return seqs;
}

/** A transaction that has an id and does not end, which holds back the horizon. */
async function holdHorizon(): Promise<pg.Client | undefined> {
  if (testDatabaseSource().kind !== 'postgres') return undefined;
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT pg_current_xact_id()');
  return client;
}

async function run(steps: readonly Step[]): Promise<void> {
  const chats: string[] = [];
  for (let count = 0; count < CHATS; count += 1) chats.push((await services.newChat()).id);
  const clients = users.map((each) => new RecordingInbox(services, each));
  for (const client of clients) await client.open();
  let holder: pg.Client | undefined;
  try {
    for (const each of steps) {
      const client = 'user' in each ? clients[each.user] : undefined;
      const chatId = 'chat' in each ? (chats[each.chat] ?? '') : '';
      switch (each.do) {
        case 'send':
          if (client)
            await services.messages.send(viewerOf(client.user), { chatId, content: 'x' }).catch((error: unknown) => {
              expect(error).toMatchObject({ code: 'NOT_FOUND' });
            });
          break;
        case 'add':
          if (client) await services.memberships.add(null, chatId, client.user.id);
          break;
        case 'remove':
          if (client) await services.memberships.remove(null, chatId, client.user.id);
          break;
        case 'cut':
          client?.close();
          break;
        case 'resume':
          if (!client) break;
          client.close();
          await client.open(Math.max(1, client.items.length - each.back));
          break;
        case 'lose':
          bus.every = each.every;
          break;
        case 'fill':
          if (client?.hasRoom) client.hasRoom = false;
          else client?.resume();
          break;
        case 'hold':
          if (holder) await holder.end();
          holder = holder ? undefined : await holdHorizon();
          break;
        case 'pause':
          await sleep(PROBE_INTERVAL_MS);
      }
    }
    bus.every = 0;
    for (const client of clients) if (!client.isOpen) await client.open(client.items.length);
    for (const client of clients) client.resume();
    for (const client of clients)
      for (const chatId of chats) {
        const wanted = await expected(chatId, client.user.id);
        await client.until('All has come', () => client.seqs(chatId).length >= wanted.length).catch(() => {});
        expect(client.seqs(chatId)).toEqual(wanted);
      }
    expect(clients.map(({ hasFailed }) => hasFailed)).toEqual(clients.map(() => false));
  } finally {
    await holder?.end();
    for (const client of clients) client.close();
  }
}

it(`has of each chat what was said while the user was a member, in order, each once, in ${HISTORIES} random histories`, async () => {
  await assertProperty(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), run), {
    numRuns: HISTORIES,
    endOnFailure: true,
  });
}, 300_000);

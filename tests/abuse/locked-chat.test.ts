import type { PoolClient } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InProcessBus } from '../../src/delivery/in-process-bus.js';
import type { UserProfile } from '../../src/domain/profile.js';
import { startOwnServices, startServices, type TestServices, viewerOf } from '../support/services.js';
import { testDatabaseSource } from '../support/test-database-source.js';

/** How long a chat's row is locked, in milliseconds. Its senders time out after 2,000. */
const HELD_MS = 1500;
/** What a send takes that does not wait for what is held, in milliseconds, on however busy a machine. */
const UNDELAYED_MS = 1000;

let one: Awaited<ReturnType<typeof startOwnServices>>;
/** A second process on the same database, which has a pool and a writer of its own. */
let two: TestServices;

beforeAll(async () => {
  one = await startOwnServices();
  two = await startServices(one.database, new InProcessBus());
});

afterAll(async () => {
  await two.close();
  await one.close();
});

/** Holds the rows of these chats, as an operator's open transaction does, while `work` runs. */
async function holding<Result>(chatIds: string[], work: (client: PoolClient) => Promise<Result>): Promise<Result> {
  const client = await one.db.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM chats WHERE id = ANY ($1::uuid[]) FOR UPDATE', [chatIds]);
    return await work(client);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

const codeOf = (send: Promise<unknown>) =>
  send.then(
    () => 'written',
    (error: { code: string }) => error.code,
  );

const contentsOf = async (chatId: string) =>
  (await one.chatLog.messages(chatId, { last: 50 })).map(({ content }) => content);

/** Sends to these chats in turn until the time is up, each send after the answer to the one before; returns how long each took. */
async function sendUntil(end: number, services: TestServices, sender: UserProfile, chatIds: string[]) {
  const latencies: number[] = [];
  for (let count = 0; performance.now() < end; count += 1) {
    const startedAt = performance.now();
    const chatId = chatIds[count % chatIds.length] ?? '';
    await services.messages.send(viewerOf(sender), { chatId, content: `other ${count}` });
    latencies.push(performance.now() - startedAt);
  }
  return latencies;
}

function p99(latencies: number[]): number {
  return latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length * 0.99)] ?? Number.POSITIVE_INFINITY;
}

// A transaction that is open on the embedded database is everybody's.
const oneSession = testDatabaseSource().kind === 'embedded';

describe.skipIf(oneSession)(
  'a chat whose row is held (skipped on the embedded database, which has one session)',
  () => {
    it('delays its own senders alone, in both of two processes, and has their messages once each and in order then', async () => {
      const [ann, bob, eve] = [await one.newUser(), await one.newUser(), await one.newUser()];
      const locked = await one.newChat(ann);
      const others = (await Promise.all(Array.from({ length: 10 }, () => one.newChat(bob, eve)))).map(({ id }) => id);
      const contents = Array.from({ length: 20 }, (_, index) => `m${index}`);
      const { sends, latencies } = await holding([locked.id], async () => {
        const sends = contents.map((content) =>
          one.messages.send(viewerOf(ann), { chatId: locked.id, content, nonce: content }),
        );
        const end = performance.now() + HELD_MS;
        const also = two.messages.send(viewerOf(ann), { chatId: locked.id, content: 'm0', nonce: 'm0' });
        const all = [
          sendUntil(end, one, bob, others),
          sendUntil(end, one, eve, others),
          sendUntil(end, two, bob, others),
          sendUntil(end, two, eve, others),
        ];
        return { sends: [...sends, also], latencies: (await Promise.all(all)).flat() };
      });
      expect(p99(latencies)).toBeLessThan(UNDELAYED_MS);
      await Promise.all(sends);
      expect(await contentsOf(locked.id)).toEqual(contents);
      // The chat is no longer contended.
      const startedAt = performance.now();
      await one.messages.send(viewerOf(ann), { chatId: locked.id, content: 'after' });
      expect(performance.now() - startedAt).toBeLessThan(UNDELAYED_MS);
    });

    it('refuses in 2 s what waits, writes it once when its sender repeats it, and leaves no statement behind', async () => {
      const ann = await one.newUser();
      const locked = await one.newChat(ann);
      const send = () => one.messages.send(viewerOf(ann), { chatId: locked.id, content: 'hi', nonce: 'n' });
      await holding([locked.id], async (client) => {
        const startedAt = performance.now();
        await expect(send()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryAfterMs: 1000 });
        expect(performance.now() - startedAt).toBeLessThan(2500);
        await one.messages.drain();
        const { rows } = await client.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        expect(rows).toEqual([]);
      });
      await send();
      await send();
      expect(await contentsOf(locked.id)).toEqual(['hi']);
    });

    it('refuses changes of its members within 3 s, and nobody else waits for them', async () => {
      const [ann, bob] = [await one.newUser(), await one.newUser()];
      const users = await Promise.all(Array.from({ length: 20 }, () => one.newUser()));
      const locked = await one.newChat(ann);
      const open = [(await one.newChat(bob)).id];
      const add = () => users.map((user) => one.memberships.add(ann, locked.id, user.id));
      await holding([locked.id], async () => {
        const startedAt = performance.now();
        const changes = Promise.all(add().map(codeOf));
        const latencies = await sendUntil(performance.now() + 1000, one, bob, open);
        expect(p99(latencies)).toBeLessThan(UNDELAYED_MS);
        expect(new Set(await changes)).toEqual(new Set(['SERVICE_UNAVAILABLE']));
        expect(performance.now() - startedAt).toBeLessThan(3000);
      });
      await Promise.all(add());
      const members = await one.memberLists.list([locked.id], { first: 50 });
      expect(members.get(locked.id)).toHaveLength(21);
    });

    it('is one of 100 without taking the process’ connections: others are written, and nobody is refused', async () => {
      const [ann, bob] = [await one.newUser(), await one.newUser()];
      const locked = (await Promise.all(Array.from({ length: 100 }, () => one.newChat(ann)))).map(({ id }) => id);
      const open = [(await one.newChat(bob)).id];
      const { sends, latencies } = await holding(locked, async () => {
        const sends = locked.map((chatId) => one.messages.send(viewerOf(ann), { chatId, content: 'hi' }));
        return { sends, latencies: await sendUntil(performance.now() + HELD_MS, one, bob, open) };
      });
      expect(p99(latencies)).toBeLessThan(UNDELAYED_MS);
      await Promise.all(sends);
    });

    it('holds a bounded part of the memory: 10,000 sends of 16 kB by one sender are refused but for a few', async () => {
      const [ann, bob] = [await one.newUser(), await one.newUser()];
      const locked = await one.newChat(ann);
      const open = [(await one.newChat(bob)).id];
      const content = '🎈'.repeat(4000);
      const { codes, latencies } = await holding([locked.id], async () => {
        // A first one, so that the chat is known to be held.
        const first = codeOf(one.messages.send(viewerOf(ann), { chatId: locked.id, content }));
        await sendUntil(performance.now() + 200, one, bob, open);
        const many = Array.from({ length: 10_000 }, () =>
          codeOf(one.messages.send(viewerOf(ann), { chatId: locked.id, content })),
        );
        const latencies = await sendUntil(performance.now() + 500, one, bob, open);
        return { codes: await Promise.all([first, ...many]), latencies };
      });
      expect(new Set(codes)).toEqual(new Set(['RATE_LIMITED', 'SERVICE_UNAVAILABLE']));
      expect(codes.filter((code) => code === 'RATE_LIMITED').length).toBeGreaterThan(9000);
      expect(p99(latencies)).toBeLessThan(UNDELAYED_MS);
    });

    it('may be a sender’s row instead: who writes as somebody else does not wait for it', async () => {
      const [ann, bob] = [await one.newUser(), await one.newUser()];
      const [his, hers] = [await one.newChat(bob), await one.newChat(ann)];
      const client = await one.db.pool.connect();
      try {
        await client.query('BEGIN');
        await client.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [ann.id]);
        const waiting = codeOf(one.messages.send(viewerOf(ann), { chatId: hers.id, content: 'hi' }));
        const latencies = await sendUntil(performance.now() + 500, one, bob, [his.id]);
        expect(p99(latencies)).toBeLessThan(UNDELAYED_MS);
        await client.query('ROLLBACK');
        expect(await waiting).toBe('written');
      } finally {
        client.release();
      }
    });
  },
);

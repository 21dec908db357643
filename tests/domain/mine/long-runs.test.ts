import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ChatStates } from '../../../src/domain/mine/chat-states.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { Random } from '../../faults/random.js';
import { fewestStatements } from '../../support/graphql-app.js';
import { rowsRead, writeRun } from '../../support/long-runs.js';
import { assertProperty } from '../../support/property.js';
import { recount } from '../../support/recount.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  services = await startOwnServices({ markerIntervalMs: 0 });
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterAll(() => services.close());

const STATES = 'SELECT * FROM chat_states($1::uuid[], $2::uuid[], $3::jsonb[], 100, 1000, 100000)';

/** A chat of ann and bob, in which ann follows the thread of a message that has no replies yet. Its newest number is 3. */
async function newTalk() {
  const { id: chatId } = await services.newChat(ann, bob);
  const send = (user: UserProfile) => services.messages.send(viewerOf(user), { chatId, content: 'hi' });
  const root = await send(ann);
  const place = [chatId, root.seq];
  const { pool } = services.db;
  await pool.query('INSERT INTO threads (chat_id, root_seq, root_id) VALUES ($1, $2, $1)', place);
  await pool.query('INSERT INTO thread_follows (chat_id, root_seq, user_id) VALUES ($1, $2, $3)', [...place, ann.id]);
  const run = (kind: 'plain' | 'deleted' | 'reply', sender: UserProfile, count: number) =>
    writeRun(services.db.pool, chatId, { senderId: sender.id, count, kind, rootSeq: root.seq });
  return {
    ...{ chatId, send, run },
    async state(states = services.chatStates) {
      const [state] = await states.of(ann.id, [chatId]);
      return state?.unread;
    },
    read: (known: object | null = null) =>
      rowsRead(services.db.pool, 'messages', STATES, [[ann.id], [chatId], [known && JSON.stringify(known)]]),
    async known() {
      const { rows } = await services.db.pool.query(STATES, [[ann.id], [chatId], null]);
      return rows[0]?.known;
    },
  };
}

it('a hundred unread of 30,000 are counted from little more rows', async () => {
  const { run, state, read } = await newTalk();
  await run('plain', bob, 30_000);
  expect(await state()).toMatchObject({ messages: 100, capped: true, firstSeq: 4 });
  expect(await read()).toBeLessThan(400);
}, 60_000);

it('a run of 30,000 replies behind the marker is skipped, not read', async () => {
  const { run, state, read, send } = await newTalk();
  await run('reply', bob, 30_000);
  expect(await state()).toMatchObject({ messages: 0, capped: false, firstSeq: null, threads: 1 });
  expect(await read()).toBeLessThan(3000);
  const { seq } = await send(bob);
  await run('reply', bob, 9000);
  expect(await state()).toMatchObject({ messages: 1, firstSeq: seq });
  expect(await read()).toBeLessThan(5000);
}, 60_000);

it('a run of one’s own is read once, in statements of a bounded length, and remembered', async () => {
  const { run, state, read, known, send } = await newTalk();
  await run('plain', ann, 12_000);
  await send(bob);
  expect(await state(new ChatStates(services.db, 5000))).toMatchObject({ messages: 1, firstSeq: 12_004 });
  const range = await known();
  expect(range).toEqual({ epoch: expect.any(String), after: 1, upTo: 12_004, candidates: [12_004] });
  expect(await read()).toBeGreaterThan(12_000);
  expect(await read(range)).toBeLessThan(50);
  expect(await state()).toMatchObject({ messages: 1, firstSeq: 12_004 });
  const { seq } = await send(bob);
  expect(await state()).toMatchObject({ messages: 2, firstSeq: 12_004 });
  expect(seq).toBe(12_005);
}, 60_000);

it('counts of many members that are asked for at once share a statement, and a long one of them goes on alone', async () => {
  const long = await newTalk();
  await long.run('plain', ann, 12_000);
  await long.send(bob);
  const short = await Promise.all([newTalk(), newTalk(), newTalk()]);
  for (const { send } of short) await send(bob);
  const ask = async () => {
    // It knows nothing of before.
    const states = new ChatStates(services.db);
    const ofAnn = ({ chatId }: { chatId: string }) => states.ofMember({ userId: ann.id, chatId });
    const stranger = states.ofMember({ userId: crypto.randomUUID(), chatId: long.chatId });
    const asked = await Promise.all([...[long, ...short, long].map(ofAnn), stranger]);
    const [few, many] = [{ unread: { messages: 1, firstSeq: 4 } }, { unread: { messages: 1, firstSeq: 12_004 } }];
    expect(asked).toMatchObject([many, few, few, few, many, undefined]);
  };
  // One for all, and one for each caller who asks for the long count.
  expect(await fewestStatements(services, ask)).toBe(3);
}, 60_000);

it('what is known is forgotten with the chat’s epoch, and behind a marker that went back', async () => {
  const { chatId, run, state, send } = await newTalk();
  await send(bob);
  await send(bob);
  await services.markers.move(viewerOf(ann), { chatId, seq: 5 });
  await run('plain', ann, 3000);
  expect(await state()).toMatchObject({ messages: 0 });
  await services.markers.markUnread(viewerOf(ann), chatId, 4);
  expect(await state()).toMatchObject({ messages: 2, firstSeq: 4 });
  await services.db.pool.query(`UPDATE messages SET sender_id = $2 WHERE chat_id = $1 AND seq BETWEEN 10 AND 20`, [
    chatId,
    bob.id,
  ]);
  await services.db.pool.query(`UPDATE chats SET epoch = 'other' WHERE id = $1`, [chatId]);
  expect(await state()).toMatchObject({ messages: 13, firstSeq: 4 });
});

it('are what a naive recount gives, over random runs', async () => {
  await assertProperty(
    fc.asyncProperty(fc.noBias(fc.integer({ min: 1 })), (seed) => compareRuns(new Random(seed))),
    { numRuns: 2, endOnFailure: true },
  );
}, 120_000);

async function compareRuns(random: Random): Promise<void> {
  const { chatId, run, state, send } = await newTalk();
  let head = 3;
  for (let step = 0; step < 25; step += 1) {
    if (random.chance(0.7)) {
      const count = random.chance(0.5) ? random.int(1, 60) : random.int(1, 4000);
      await run(random.pick(['plain', 'deleted', 'reply']), random.chance(0.7) ? ann : bob, count);
      head += count;
    } else head = (await send(random.pick([ann, bob]))).seq;
    if (random.chance(0.2)) await services.markers.move(viewerOf(ann), { chatId, seq: random.int(0, head + 1) });
    if (random.chance(0.1)) await services.markers.markUnread(viewerOf(ann), chatId, random.int(1, head + 1));
    if (random.chance(0.3))
      await services.db.pool.query(
        `UPDATE messages SET flags = flags | 1 WHERE chat_id = $1 AND seq > 3 AND flags = 0 AND seq % $2 = 0 AND seq > $3`,
        [chatId, random.int(2, 5), random.int(0, head)],
      );
    await services.db.pool.query(
      `INSERT INTO message_extras (chat_id, seq, deleted_at) SELECT chat_id, seq, now() FROM messages
       WHERE chat_id = $1 AND flags = 1 ON CONFLICT DO NOTHING`,
      [chatId],
    );
    const counted = (await recount(services.db.pool, [chatId]))(ann.id, chatId);
    expect(await state(), `step ${step}`).toEqual({ ...counted, readSeq: undefined });
  }
}

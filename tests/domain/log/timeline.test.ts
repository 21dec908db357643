import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Random } from '../../faults/random.js';
import { assertProperty } from '../../support/property.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;

beforeAll(async () => {
  services = await startOwnServices();
});

afterAll(async () => {
  await services.close();
});

/** Replies of a thread, as many sends leave them, by one statement. */
const REPLIES = `WITH chat AS (
    UPDATE chats SET last_seq = last_seq + $3 WHERE id = $1 RETURNING last_seq - $3 AS head),
  timeline AS (SELECT max(seq) AS seq FROM messages WHERE chat_id = $1 AND flags & 2 = 0),
  sent AS (
    INSERT INTO messages (chat_id, seq, id, sender_id, content, flags, mark)
    SELECT $1, head + i, gen_random_uuid(), $2, 'a reply of a usual length ' || i, 10, 1 FROM chat, generate_series(1, $3) i RETURNING seq)
  INSERT INTO message_extras (chat_id, seq, thread_root_seq, timeline_seq) SELECT $1, sent.seq, $4, timeline.seq FROM sent, timeline`;

async function newTalk() {
  const ann = await services.newUser();
  const chat = await services.newChat(ann);
  const send = (thread?: string, alsoInChat = false) =>
    services.messages.send(viewerOf(ann), { chatId: chat.id, content: 'hi', thread, alsoInChat });
  const page = async (range: { last: number; before?: number; after?: number; without?: number }) => {
    const read = await services.messagePages.read(viewerOf(ann), chat.id, range, { senders: true });
    expect(await services.chatLog.messages(chat.id, range)).toEqual(read?.messages);
    return read?.messages.map(({ seq }) => seq);
  };
  return { ann, chat, send, page };
}

it('pages of the main timeline skip 30,000 replies of a thread, and do not read them', async () => {
  const { ann, chat, send, page } = await newTalk();
  const first = await send();
  const root = await send();
  await services.db.pool.query(REPLIES, [chat.id, ann.id, 30_000, root.seq]);
  const last = await send();
  await services.db.pool.query(REPLIES, [chat.id, ann.id, 5000, root.seq]);
  expect(await page({ last: 50 })).toEqual([first.seq, root.seq, last.seq]);
  expect(await page({ last: 2 })).toEqual([root.seq, last.seq]);
  expect(await page({ last: 50, before: last.seq })).toEqual([first.seq, root.seq]);
  expect(await page({ last: 50, after: root.seq })).toEqual([last.seq]);
  expect(await page({ last: 50, after: root.seq, before: last.seq })).toEqual([]);
  expect((await services.chatLog.lastMessages([chat.id])).get(chat.id)).toEqual(last);
  expect(await services.chatLog.replies(chat.id, root.seq, { last: 100 })).toHaveLength(100);

  const client = await services.db.pool.connect();
  try {
    const counted = async () => {
      const { rows } = await client.query<{ read: number }>(
        "SELECT idx_tup_fetch::int AS read FROM pg_stat_xact_user_tables WHERE relname = 'messages'",
      );
      return rows[0]?.read ?? Number.NaN;
    };
    await client.query('BEGIN');
    const before = await counted();
    await client.query('SELECT timeline_seqs($1, 0, 2147483647, 50, 3)', [chat.id]);
    // The database fetches some rows of a cursor ahead.
    expect((await counted()) - before).toBeLessThan(300);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}, 120_000);

it('are what a scan gives, over a random history', async () => {
  await assertProperty(
    fc.asyncProperty(fc.noBias(fc.integer({ min: 1 })), (seed) => comparePages(new Random(seed))),
    { numRuns: 1, endOnFailure: true },
  );
}, 120_000);

async function comparePages(random: Random): Promise<void> {
  const { ann, chat, send, page } = await newTalk();
  const root = await send();
  for (let step = 0; step < 40; step += 1) {
    if (random.chance(0.2)) await services.db.pool.query(REPLIES, [chat.id, ann.id, random.int(1, 3000), root.seq]);
    else if (random.chance(0.5)) await send(root.id, random.chance(0.2));
    else await send();
    if (random.chance(0.2))
      await services.db.pool.query(
        `UPDATE messages SET flags = flags | 1, content = '' WHERE chat_id = $1 AND seq > 3 AND flags & 3 = 0 AND seq % $2 = 0`,
        [chat.id, random.int(2, 5)],
      );
  }
  const { rows } = await services.db.pool.query<{ seq: number; flags: number }>(
    'SELECT seq, flags FROM messages WHERE chat_id = $1 ORDER BY seq',
    [chat.id],
  );
  const head = rows.at(-1)?.seq ?? 0;
  for (let count = 0; count < 30; count += 1) {
    const [after, before] = [random.int(0, head), random.int(0, head + 2)];
    const [last, without] = [random.int(1, 30), random.pick([2, 3])];
    const inRange = rows.filter(({ seq, flags }) => seq > after && seq < before && (flags & without) === 0);
    expect(await page({ after, before, last, without }), JSON.stringify({ after, before, last, without })).toEqual(
      inRange.slice(-last).map(({ seq }) => seq),
    );
  }
}

it('a page does not read the chat once for each deleted message between replies, whatever the statistics say', async () => {
  const { ann, chat, send, page } = await newTalk();
  const root = await send();
  const { pool } = services.db;
  // A deleted message, a reply, and so on.
  await pool.query(
    `WITH chat AS (UPDATE chats SET last_seq = last_seq + 20000 WHERE id = $1 RETURNING last_seq - 20000 AS head),
      sent AS (INSERT INTO messages (chat_id, seq, id, sender_id, content, flags, mark)
        SELECT $1, head + i, gen_random_uuid(), $2, '', CASE WHEN i % 2 = 0 THEN 10 ELSE 9 END, 1 FROM chat, generate_series(1, 20000) i
        RETURNING seq, flags)
      INSERT INTO message_extras (chat_id, seq, thread_root_seq, timeline_seq)
      SELECT $1, seq, CASE flags WHEN 10 THEN $3::int END, CASE flags WHEN 10 THEN seq - 1 END FROM sent`,
    [chat.id, ann.id, root.seq],
  );
  await pool.query('ANALYZE messages');
  const began = performance.now();
  expect(await page({ last: 50 })).toEqual([root.seq]);
  // It took 30 s.
  expect(performance.now() - began).toBeLessThan(3000);
});

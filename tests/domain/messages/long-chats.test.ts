import { afterAll, beforeAll, expect, it } from 'vitest';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());

const REPLY = `SELECT outcome FROM append_messages(ARRAY[gen_random_uuid()], ARRAY[$1::uuid], ARRAY[$2::uuid], ARRAY['re'], ARRAY[NULL], 50,
  'member', ARRAY[jsonb_build_object('thread', $3::text)])`;

it('a reply reads few messages of a long chat, though its plans were made while the chat was short', async () => {
  const ann = await services.newUser();
  const { id: chatId } = await services.newChat(ann);
  const root = await services.messages.send(viewerOf(ann), { chatId, content: 'hi' });
  const client = await services.db.pool.connect();
  const reply = async () => {
    const { rows } = await client.query(REPLY, [chatId, ann.id, root.id]);
    expect(rows).toEqual([{ outcome: 'created' }]);
  };
  const read = async () => {
    const { rows } = await client.query<{ read: number }>(
      "SELECT idx_tup_fetch::int AS read FROM pg_stat_xact_user_tables WHERE relname = 'messages'",
    );
    return rows[0]?.read ?? Number.NaN;
  };
  try {
    await client.query('BEGIN');
    for (let count = 0; count < 3; count += 1) await reply();
    await client.query(
      `WITH chat AS (UPDATE chats SET last_seq = last_seq + 5000 WHERE id = $1 RETURNING last_seq - 5000 AS head)
       INSERT INTO messages (chat_id, seq, id, sender_id, content, mark)
       SELECT $1, head + i, gen_random_uuid(), $2, 'hi', 1 FROM chat, generate_series(1, 5000) i`,
      [chatId, ann.id],
    );
    const before = await read();
    await reply();
    expect((await read()) - before).toBeLessThan(100);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});

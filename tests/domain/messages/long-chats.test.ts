import { afterAll, beforeAll, expect, it } from 'vitest';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());

/** A right that every member has. */
const RIGHT = `'{"needs": "member", "inDirect": "member"}'`;

/** Of chat $1, as user $2 with sign-in $3, on the messages $4; $5 differs from call to call. */
const WRITES: [name: string, sql: string][] = [
  [
    'a reply',
    `SELECT outcome FROM append_messages(ARRAY[gen_random_uuid()], ARRAY[$1::uuid], ARRAY[$2::uuid], ARRAY[$5::text], ARRAY[NULL], 50,
      'member', 'moderator', NULL, ARRAY[jsonb_build_object('thread', ($4::uuid[])[1])]) WHERE $3::uuid IS NOT NULL`,
  ],
  [
    'a mention',
    `SELECT outcome FROM append_messages(ARRAY[gen_random_uuid()], ARRAY[$1::uuid], ARRAY[$2::uuid], ARRAY[$5::text], ARRAY[NULL], 50,
      'member', 'moderator', NULL, ARRAY[jsonb_build_object('mentions', jsonb_build_array($2::uuid))]) WHERE $3::uuid IS NOT NULL AND $4::uuid[] IS NOT NULL`,
  ],
  [
    'an edit',
    `SELECT outcome FROM edit_message($1::uuid, ($4::uuid[])[1], $2::uuid, $3::uuid, ${RIGHT}, $5::text, NULL, ARRAY[$2::uuid], NULL, NULL)`,
  ],
  [
    'a deletion',
    `SELECT outcome FROM delete_messages($1::uuid, ($4::uuid[])[1:1], $2::uuid, $3::uuid, ${RIGHT}, 'moderator') WHERE $5::text IS NOT NULL`,
  ],
  [
    'a deletion of several messages',
    `SELECT outcome FROM delete_messages($1::uuid, $4::uuid[], $2::uuid, $3::uuid, ${RIGHT}, 'moderator') WHERE $5::text IS NOT NULL`,
  ],
  [
    'a pin',
    `SELECT outcome FROM set_pin($1::uuid, ($4::uuid[])[1], $2::uuid, $3::uuid, ${RIGHT}, true, 50) WHERE $5::text IS NOT NULL`,
  ],
  [
    'dropping earlier versions',
    `SELECT outcome FROM forget_history($1::uuid, ($4::uuid[])[1], $2::uuid, $3::uuid, ${RIGHT}, 'moderator') WHERE $5::text IS NOT NULL`,
  ],
  [
    'a read marker',
    'SELECT outcome FROM mark_read(ARRAY[$2::uuid], ARRAY[$1::uuid], ARRAY[$5::text::int + 1], ARRAY[NULL::uuid], ARRAY[true], true) WHERE $3::uuid IS NOT NULL AND $4::uuid[] IS NOT NULL',
  ],
  [
    'a read marker that goes back',
    'SELECT outcome FROM mark_unread($2::uuid, $1::uuid, 1) WHERE $3::uuid IS NOT NULL AND $4::uuid[] IS NOT NULL AND $5::text IS NOT NULL',
  ],
  [
    'a member who is added',
    'SELECT outcome FROM add_chat_member($1::uuid, $2::uuid, NULL) WHERE $3::uuid IS NOT NULL AND $4::uuid[] IS NOT NULL AND $5::text IS NOT NULL',
  ],
  [
    'a member who is removed',
    `SELECT outcome FROM remove_chat_member($1::uuid, $2::uuid, NULL, NULL, ${RIGHT}) WHERE $3::uuid IS NOT NULL AND $4::uuid[] IS NOT NULL AND $5::text IS NOT NULL`,
  ],
  [
    'a mute',
    `SELECT outcome FROM set_mute($1::uuid, $2::uuid, NULL, NULL, ${RIGHT}, now() + $5::text::int * interval '1 hour' + interval '1 hour', NULL) WHERE $3::uuid IS NOT NULL AND $4::uuid[] IS NOT NULL`,
  ],
  [
    'a ban',
    `SELECT outcome FROM ban_user($1::uuid, $2::uuid, NULL, NULL, ${RIGHT}, NULL, $5::text) WHERE $3::uuid IS NOT NULL AND $4::uuid[] IS NOT NULL`,
  ],
  [
    'a ban that is taken back',
    `SELECT outcome FROM unban_user($1::uuid, $2::uuid, NULL, NULL, ${RIGHT}) WHERE $3::uuid IS NOT NULL AND $4::uuid[] IS NOT NULL AND $5::text IS NOT NULL`,
  ],
  [
    'a preference',
    "SELECT outcome FROM set_chat_preferences($2::uuid, $1::uuid, true, 'all', false) WHERE $3::uuid IS NOT NULL AND $4::uuid[] IS NOT NULL AND $5::text IS NOT NULL",
  ],
  [
    'the resume of an inbox',
    `SELECT 'done' AS outcome FROM inbox_chats($2::uuid, ARRAY[NULL::uuid], ARRAY[0::float8], 0, '{}', '{}', 1000) WHERE $1::uuid IS NOT NULL AND $3::uuid IS NOT NULL AND $4::uuid[] IS NOT NULL AND $5::text IS NOT NULL`,
  ],
  [
    'a reaction',
    `SELECT outcome FROM react(ARRAY[$1::uuid], ($4::uuid[])[1:1], ARRAY[$2::uuid], ARRAY['👍'], ARRAY[true], ${RIGHT}, 20, true) WHERE $3::uuid IS NOT NULL AND $5::text IS NOT NULL`,
  ],
];

const READ = `SELECT sum(idx_tup_fetch + seq_tup_read)::int AS read FROM pg_stat_xact_user_tables
  WHERE relname IN ('messages', 'message_extras', 'message_revisions', 'mentions', 'reactions', 'chat_events', 'threads', 'chat_memberships')`;

it.each(WRITES)(
  '%s reads few rows of a long chat, though its plans were made while the chat was short',
  async (name, sql) => {
    const ann = await services.newUser();
    const viewer = await services.newViewer(ann);
    const { id: chatId } = await services.newChat(ann);
    const ids: string[] = [];
    for (let count = 0; count < 30; count += 1)
      ids.push((await services.messages.send(viewerOf(ann), { chatId, content: 'hi' })).id);
    const client = await services.db.pool.connect();
    const write = async (index: number) => {
      const values = [chatId, ann.id, viewer.familyId, ids.slice(3 * index, 3 * index + 3), `${index}`];
      const { rows } = await client.query({ name: `${name} in a long chat`, text: sql, values });
      expect(rows[0].outcome).toMatch(
        /created|repeated|edited|deleted|changed|forgotten|done|moved|same|removed|set|updated|banned/,
      );
    };
    const read = async () => (await client.query<{ read: number }>(READ)).rows[0]?.read ?? Number.NaN;
    try {
      await client.query('BEGIN');
      for (let index = 0; index < 6; index += 1) await write(index);
      await client.query(
        `WITH chat AS (UPDATE chats SET last_seq = last_seq + 5000 WHERE id = $1 RETURNING last_seq - 5000 AS head)
       INSERT INTO messages (chat_id, seq, id, sender_id, content, mark, flags)
       SELECT $1, head + i, gen_random_uuid(), $2, 'hi', 1, 8 FROM chat, generate_series(1, 5000) i`,
        [chatId, ann.id],
      );
      await client.query(
        `WITH made AS (INSERT INTO users (id, username) SELECT gen_random_uuid(), 'long' || i FROM generate_series(1, 5000) i RETURNING id)
         INSERT INTO chat_memberships (chat_id, user_id) SELECT $1, id FROM made`,
        [chatId],
      );
      for (const [table, columns, selected] of [
        ['message_extras', 'revision', '1'],
        ['message_revisions', 'revision, content, at, editor_id', "0, 'x', now(), sender_id"],
        ['reactions', 'emoji, user_id', "'🎉', sender_id"],
      ])
        await client.query(
          `INSERT INTO ${table} (chat_id, seq, ${columns}) SELECT chat_id, seq, ${selected} FROM messages WHERE chat_id = $1 AND seq > 100`,
          [chatId],
        );
      const before = await read();
      await write(7);
      expect((await read()) - before).toBeLessThan(150);
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  },
);

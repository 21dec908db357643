import pg from 'pg';
import { EPOCH, HALL, ROOM_MEMBERS } from './identities.js';

/** How much there is before anybody connects. */
export interface WorldSize {
  people: number;
  hallMembers: number;
  /** Messages in the hall, numbered from 1. */
  hallMessages: number;
  /** Whether each of them has everything that a message can have. */
  hallExtras: boolean;
  rooms: number;
}

const uuidSql = (kind: string, index: string) =>
  `('01930000-0000-7000-${kind}-' || lpad(to_hex(${index}), 12, '0'))::uuid`;
const tokenSql = `'cat_' || rtrim(translate(encode(sha256(convert_to('token of user-' || n, 'UTF8')), 'base64'), '+/', '-_'), '=')`;

/**
 * Each message of the chat is edited, quotes the one before it, mentions two, has a thread of one reply, two reactions by three, metadata
 * and a pin.
 */
const EXTRAS = `
  WITH flagged AS (
    UPDATE messages SET flags = 8 WHERE chat_id = $1 RETURNING chat_id, seq, id, sender_id, created_at),
  extras AS (
    INSERT INTO message_extras (chat_id, seq, revision, edited_at, reply_to_seq, metadata, reactions, pinned_at, pinned_by_id)
    SELECT chat_id, seq, 1, created_at, nullif(seq - 1, 0), '{"kind": "order", "items": [1, 2, 3]}',
      jsonb_build_array(
        jsonb_build_object('emoji', '\u{1F44D}', 'count', 2, 'users', jsonb_build_array(sender_id, ${uuidSql('8000', '1')})),
        jsonb_build_object('emoji', '\u{2764}\u{FE0F}', 'count', 1, 'users', jsonb_build_array(sender_id))),
      created_at + interval '1 s', sender_id FROM flagged),
  named AS (
    INSERT INTO mentions (user_id, chat_id, at_seq, message_seq, place, at)
    SELECT ${uuidSql('8000', 'place')}, chat_id, seq, seq, place, created_at FROM flagged, generate_series(1, 2) place),
  reacted AS (
    INSERT INTO reactions (chat_id, seq, emoji, user_id)
    SELECT chat_id, seq, '\u{1F44D}', sender_id FROM flagged
    UNION SELECT chat_id, seq, '\u{1F44D}', ${uuidSql('8000', '1')} FROM flagged
    UNION SELECT chat_id, seq, '\u{2764}\u{FE0F}', sender_id FROM flagged)
  INSERT INTO threads (chat_id, root_seq, root_id, reply_count, last_reply_seq) SELECT chat_id, seq, id, 1, seq FROM flagged`;

/** Fills a migrated, empty database. The numbers of a chat are dense, as the service itself leaves them. */
export async function seed(
  url: string,
  { people, hallMembers, hallMessages, hallExtras, rooms }: WorldSize,
): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`
      INSERT INTO users (id, username) SELECT ${uuidSql('8000', 'n')}, 'user-' || n FROM generate_series(0, ${people - 1}) n;
      INSERT INTO oauth_clients (id, name) VALUES ('bench', 'Benchmark');
      INSERT INTO token_families (id, client_id, user_id)
        SELECT ${uuidSql('b000', 'n')}, 'bench', ${uuidSql('8000', 'n')} FROM generate_series(0, ${people - 1}) n;
      INSERT INTO access_tokens (hash, family_id, scopes, expires_at)
        SELECT sha256(convert_to(${tokenSql}, 'UTF8')), ${uuidSql('b000', 'n')}, '{read,write}', now() + interval '1 day'
        FROM generate_series(0, ${people - 1}) n;
      INSERT INTO chats (id, name, name_key, epoch, last_seq)
        VALUES ('${HALL.id}', '${HALL.name}', '${HALL.name}', '${EPOCH}', ${hallMessages});
      INSERT INTO chats (id, name, name_key, epoch)
        SELECT ${uuidSql('9000', 'n')}, 'room-' || n, 'room-' || n, '${EPOCH}' FROM generate_series(0, ${rooms - 1}) n;
      INSERT INTO chat_memberships (chat_id, user_id)
        SELECT '${HALL.id}', ${uuidSql('8000', 'n')} FROM generate_series(0, ${hallMembers - 1}) n;
      INSERT INTO chat_memberships (chat_id, user_id)
        SELECT ${uuidSql('9000', 'n')}, ${uuidSql('8000', `(n * ${ROOM_MEMBERS} + place) % ${people}`)}
        FROM generate_series(0, ${rooms - 1}) n, generate_series(0, ${ROOM_MEMBERS - 1}) place;
      DO $$ BEGIN
        IF EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'chats' AND column_name = 'member_count') THEN
          UPDATE chats c SET member_count = (SELECT count(*) FROM chat_memberships m WHERE m.chat_id = c.id);
        END IF;
      END $$;
      -- The first member of a room may pin; a build of before there were roles has no such column.
      DO $$ BEGIN
        IF EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'chat_memberships' AND column_name = 'role') THEN
          UPDATE chat_memberships m SET role = 'moderator' FROM generate_series(0, ${rooms - 1}) n
          WHERE m.chat_id = ${uuidSql('9000', 'n')} AND m.user_id = ${uuidSql('8000', `(n * ${ROOM_MEMBERS}) % ${people}`)};
        END IF;
      END $$;
      INSERT INTO messages (chat_id, seq, id, sender_id, content, created_at)
        SELECT '${HALL.id}', n, ${uuidSql('c000', 'n')}, ${uuidSql('8000', `n % ${hallMembers}`)},
               rpad('seeded ' || n || ' ', 200, 'x'), now() - make_interval(secs => ${hallMessages} - n)
        FROM generate_series(1, ${hallMessages}) n;
    `);
    if (hallExtras) await client.query(EXTRAS, [HALL.id]);
    await client.query('VACUUM ANALYZE');
  } finally {
    await client.end();
  }
}

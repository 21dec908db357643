import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionDifference } from '../../scripts/function-difference.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

describe("a migrated database's functions and triggers", { timeout: 60_000 }, () => {
  let database: TestDatabase;
  let client: pg.Client;
  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  it('are those of prisma/functions: none is missing, none is more', async () => {
    expect(await functionDifference(database.url)).toBe('');
  });

  for (const [title, change, expected] of [
    ['is missing', 'DROP FUNCTION add_chat_member', ['CREATE OR REPLACE FUNCTION add_chat_member(']],
    [
      'is more',
      `CREATE FUNCTION left_over(n int, t text) RETURNS int LANGUAGE sql AS 'SELECT n'`,
      ['DROP FUNCTION left_over(integer, text);'],
    ],
    [
      'has another body',
      "CREATE OR REPLACE FUNCTION take_user_seq() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
      ['CREATE OR REPLACE FUNCTION take_user_seq()'],
    ],
    ['has another setting', 'ALTER FUNCTION append_messages RESET lock_timeout', ['FUNCTION append_messages(']],
    [
      'has other parameters',
      `DROP FUNCTION remove_chat_member;
       CREATE FUNCTION remove_chat_member(p_chat_id uuid) RETURNS int LANGUAGE sql AS 'SELECT 1'`,
      ['DROP FUNCTION remove_chat_member(uuid);', 'CREATE OR REPLACE FUNCTION remove_chat_member('],
    ],
    [
      'has another result',
      `DROP FUNCTION remove_chat_member;
       CREATE FUNCTION remove_chat_member(p_chat_id uuid, p_user_id uuid, p_actor_id uuid, p_family_id uuid, p_right jsonb)
         RETURNS int LANGUAGE sql AS 'SELECT 1'`,
      [
        'DROP FUNCTION remove_chat_member(uuid, uuid, uuid, uuid, jsonb);',
        'CREATE OR REPLACE FUNCTION remove_chat_member(',
      ],
    ],
    ['is no trigger', 'DROP TRIGGER take_user_seq ON chat_memberships', ['TRIGGER take_user_seq BEFORE INSERT']],
    [
      'is a trigger more',
      'CREATE TRIGGER again AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION take_user_seq()',
      ['DROP TRIGGER again ON users;'],
    ],
    [
      'is another trigger',
      `DROP TRIGGER take_user_seq ON chat_memberships;
       CREATE TRIGGER take_user_seq AFTER INSERT ON chat_memberships FOR EACH ROW EXECUTE FUNCTION take_user_seq()`,
      ['TRIGGER take_user_seq BEFORE INSERT'],
    ],
  ] as const)
    it(`differ when one ${title}, and the migration written for it installs the file's`, async () => {
      await client.query(change);
      const sql = await functionDifference(database.url);
      for (const part of expected) expect(sql).toContain(part);
      await client.query(sql);
      expect(await functionDifference(database.url)).toBe('');
    });
});

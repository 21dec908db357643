import { afterAll, beforeAll, expect, it } from 'vitest';
import { LogChecks } from '../../../src/domain/log/log-checks.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());

async function differences(numbers?: number): Promise<string[][]> {
  const found: string[][] = [];
  for await (const { chatId, what } of new LogChecks(services.db, numbers).differences()) found.push([chatId, what]);
  return found;
}

it('the log and the members of every chat are as they should be; each fault is found, in its chat', async () => {
  const { pool } = services.db;
  const admin = await services.newUser('admin');
  const ann = await services.newUser();
  const chats = [];
  for (let count = 0; count < 6; count += 1) {
    const chat = await services.newChat(ann, admin);
    for (const content of ['one', 'two', 'three', 'four'])
      await services.messages.send(viewerOf(ann), { chatId: chat.id, content });
    chats.push(chat.id);
  }
  const [left = '', gap = '', twice = '', falls = '', above = '', counted = ''] = chats;
  await services.memberships.remove(admin, left, ann.id);
  const truncated = await services.newChat(ann);
  await services.messages.send(viewerOf(ann), { chatId: truncated.id, content: 'old' });
  expect(await differences()).toEqual([]);

  const head = async (chatId: string) =>
    (await pool.query('SELECT last_seq FROM chats WHERE id = $1', [chatId])).rows[0].last_seq;
  const last = await head(gap);
  await pool.query('DELETE FROM messages WHERE chat_id = $1 AND seq = $2', [gap, last - 1]);
  await pool.query(
    `INSERT INTO chat_events (chat_id, seq, kind, actor_id, subject_id, mark)
     SELECT chat_id, seq, 'member.added', sender_id, sender_id, mark FROM messages WHERE chat_id = $1 AND seq = $2`,
    [twice, await head(twice)],
  );
  await pool.query('UPDATE messages SET mark = 1 WHERE chat_id = $1 AND seq = $2', [falls, (await head(falls)) - 1]);
  await pool.query('UPDATE chats SET mark = mark - 1 WHERE id = $1', [above]);
  await pool.query('UPDATE chats SET member_count = 7 WHERE id = $1', [counted]);

  const all = `the log from 1 to ${last}`;
  const found = await differences();
  expect(found.sort()).toEqual(
    [
      [gap, `${all} has ${last - 1} numbers, and should have ${last}`],
      [twice, `${all} has 1 numbers twice`],
      [falls, `${all} has a mark at ${last - 1} that is below the one before`],
      [above, `${all} has a mark above that of the chat`],
      [counted, 'the number of members is 7, and 2 by the memberships'],
    ].sort(),
  );
});

it('finds a mark that falls from one step to the next, and numbers behind the last one', async () => {
  const { pool } = services.db;
  const ann = await services.newUser();
  const chat = await services.newChat(ann);
  for (const content of ['one', 'two', 'three'])
    await services.messages.send(viewerOf(ann), { chatId: chat.id, content });
  const { rows } = await pool.query('SELECT last_seq FROM chats WHERE id = $1', [chat.id]);
  const last: number = rows[0].last_seq;
  const ofChat = async () => (await differences(last - 1)).filter(([id]) => id === chat.id).map(([, what]) => what);
  expect(await ofChat()).toEqual([]);
  await pool.query('UPDATE messages SET mark = 1 WHERE chat_id = $1 AND seq = $2', [chat.id, last]);
  expect(await ofChat()).toEqual([
    `the log from ${last} to ${last} has a mark at ${last} that is below the one before`,
  ]);
  await pool.query('UPDATE chats SET last_seq = $2 WHERE id = $1', [chat.id, last - 1]);
  expect(await ofChat()).toContain(`the log from 1 to ${last - 1} has ${last} numbers, and should have ${last - 1}`);
});

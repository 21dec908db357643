import { afterAll, beforeAll, expect, it } from 'vitest';
import { forgetDeletedChats, KEPT_DAYS } from '../../../src/domain/chats/deleted-chats.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let admin: Viewer;
beforeAll(async () => {
  services = await startOwnServices();
  admin = await services.newViewer(await services.newUser('admin'));
});
afterAll(() => services.close());

/** A chat with a message of each kind, deleted so many days and an hour ago. */
async function deletedChat(days: number) {
  const user = await services.newUser();
  const viewer = await services.newViewer(user);
  const chat = await services.newChat(user);
  const send = (more: object) => services.messages.send(viewer, { chatId: chat.id, content: 'hi', ...more });
  const root = await send({});
  await send({ thread: root.id, mentions: [user.id] });
  await services.messageChanges.edit(viewer, { chatId: chat.id, messageId: root.id, content: 'edited' });
  await services.messageChanges.pin(admin, { chatId: chat.id, messageId: root.id });
  await services.reactions.add(viewer, { chatId: chat.id, messageId: root.id, emoji: '👍' });
  await services.db.pool.query(
    `WITH more AS (UPDATE chats SET last_seq = last_seq + 700 WHERE id = $1 RETURNING last_seq)
     INSERT INTO messages (chat_id, seq, id, sender_id, content)
     SELECT $1, more.last_seq - 700 + n, gen_random_uuid(), $2, 'many' FROM more, generate_series(1, 700) AS n`,
    [chat.id, user.id],
  );
  await services.chatChanges.delete(admin, chat.id);
  const values = [chat.id, `${days} days 1 hour`];
  await services.db.pool.query('UPDATE chats SET deleted_at = deleted_at - $2::interval WHERE id = $1', values);
  return chat;
}

const TABLES = [
  'messages',
  'message_extras',
  'message_revisions',
  'mentions',
  'threads',
  'reactions',
  'chat_events',
  'chat_memberships',
];
const rowsOf = async ({ id }: { id: string }) => {
  const counts = TABLES.map((table) => `(SELECT count(*)::int FROM ${table} WHERE chat_id = $1) AS ${table}`);
  const { rows } = await services.db.pool.query<Record<string, number>>(`SELECT ${counts.join()}`, [id]);
  return rows[0] ?? {};
};

async function sweep(): Promise<number> {
  let steps = 0;
  while (await forgetDeletedChats(services.db)) steps += 1;
  return steps;
}

it('of a chat that was deleted 30 days ago no row is left, a few at a time; younger ones and those on hold stay', async () => {
  const [old, young, held] = [
    await deletedChat(KEPT_DAYS),
    await deletedChat(KEPT_DAYS - 1),
    await deletedChat(KEPT_DAYS),
  ];
  await services.db.prisma.chat.update({ where: { id: held.id }, data: { hold: true } });
  const before = await Promise.all([young, held].map(rowsOf));
  for (const counts of before) for (const table of TABLES) expect(counts[table], table).toBeGreaterThan(0);
  expect(await sweep()).toBe(3);
  expect(await rowsOf(old)).toEqual(Object.fromEntries(TABLES.map((table) => [table, 0])));
  expect(await services.db.prisma.chat.findUnique({ where: { id: old.id } })).toBeNull();
  expect(await Promise.all([young, held].map(rowsOf))).toEqual(before);
  await expect(services.chats.requireLog(admin, { id: old.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(services.chats.requireLog(admin, { id: young.id })).resolves.toMatchObject({ isDeleted: true });
});

it('several processes that sweep at once get to the same end', async () => {
  await deletedChat(KEPT_DAYS);
  await Promise.all([sweep(), sweep(), sweep()]);
  expect(await sweep()).toBe(0);
});

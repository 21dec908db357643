import { afterAll, beforeAll, expect, it } from 'vitest';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;

beforeAll(async () => {
  services = await startOwnServices();
});

afterAll(() => services.close());

it('goes on behind a message of before there were marks that mentions the user since an edit', async () => {
  const [ann, bob] = [await services.newUser(), await services.newUser()];
  const { id: chatId } = await services.newChat(ann, bob);
  const viewer = await services.newViewer(ann);
  const old = await services.messages.send(viewer, { chatId, content: 'hi' });
  const newer = await services.messages.send(viewer, { chatId, content: 'hi', mentions: [bob.id] });
  const messageId = crypto.randomUUID();
  const { pool } = services.db;
  await pool.query('UPDATE messages SET id = $3, mark = 0 WHERE chat_id = $1 AND seq = $2', [
    chatId,
    old.seq,
    messageId,
  ]);
  await services.messageChanges.edit(viewer, { chatId, messageId, content: 'hi', mentions: [bob.id] });
  // Not in the same millisecond as the other.
  await pool.query(`UPDATE mentions SET at = at + interval '1 s' WHERE chat_id = $1 AND message_seq = $2`, [
    chatId,
    old.seq,
  ]);
  const page = async (before?: string) => (await services.mentionLists.page(bob.id, 1, before)).map(({ id }) => id);
  expect(await page()).toEqual([messageId]);
  expect(await page(messageId)).toEqual([newer.id]);
  expect(await page(newer.id)).toEqual([]);
});

import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { StoredCounts, type StoredDifference } from '../../../src/domain/messages/stored-counts.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let ann: UserProfile;
beforeAll(async () => {
  services = await startOwnServices();
  ann = await services.newUser();
});
afterAll(() => services.close());

async function differences(): Promise<StoredDifference[]> {
  const found: StoredDifference[] = [];
  for await (const difference of new StoredCounts(services.db).differences()) found.push(difference);
  return found;
}

/** Two chats with more threads and reactions than one step reads. */
async function newHistory() {
  const chats = [await services.newChat(ann), await services.newChat(ann)];
  const sent = await Promise.all(
    chats.map(async ({ id: chatId }) => {
      const send = (thread?: string, alsoInChat = false) =>
        services.messages.send(viewerOf(ann), { chatId, content: 'hi', thread, alsoInChat });
      const roots = await Promise.all(Array.from({ length: 300 }, () => send()));
      await Promise.all(roots.map(({ id }) => send(id)));
      const replies = await Promise.all(roots.map(({ id }, index) => send(id, index % 3 === 1)));
      return { chatId, roots, replies };
    }),
  );
  const [one] = sent;
  const { chatId, roots, replies } = one ?? { chatId: '', roots: [], replies: [] };
  const viewer = await services.newViewer(ann);
  await services.messageChanges.deleteMany(
    viewer,
    chatId,
    replies.slice(0, 20).map(({ id }) => id),
  );
  for (const { id: messageId } of roots.slice(0, 5))
    await services.reactions.add(viewerOf(ann), { chatId, messageId, emoji: '👍' });
  await vi.waitFor(async () => {
    const { rows } = await services.db.pool.query('SELECT FROM reaction_dirty');
    expect(rows).toEqual([]);
  }, 10_000);
  return { chatId, roots, replies };
}

it('what is stored is what its rows give; each thing that is not is found, once', { timeout: 60_000 }, async () => {
  const { chatId, roots, replies } = await newHistory();
  expect(await differences()).toEqual([]);
  const { pool } = services.db;
  const rootSeqs = roots.map(({ seq }) => seq);
  // The last reply that only its thread shows: nothing behind it refers to it.
  const reply = replies[299];
  await pool.query('UPDATE threads SET reply_count = 9 WHERE chat_id = $1 AND root_seq = $2', [chatId, rootSeqs[10]]);
  await pool.query('UPDATE threads SET last_reply_seq = 7 WHERE chat_id = $1 AND root_seq = $2', [
    chatId,
    rootSeqs[250],
  ]);
  await pool.query('DELETE FROM threads WHERE chat_id = $1 AND root_seq = $2', [chatId, rootSeqs[200]]);
  await pool.query('UPDATE message_extras SET timeline_seq = 1 WHERE chat_id = $1 AND seq = $2', [chatId, reply?.seq]);
  await pool.query(`UPDATE message_extras SET reactions = '[]' WHERE chat_id = $1 AND seq = $2`, [chatId, rootSeqs[0]]);
  await pool.query('UPDATE message_extras SET reactions = NULL WHERE chat_id = $1 AND seq = $2', [chatId, rootSeqs[1]]);
  await pool.query('DELETE FROM reactions WHERE chat_id = $1 AND seq = $2', [chatId, rootSeqs[2]]);
  // A change that waits for its summary is no difference.
  await pool.query('DELETE FROM reactions WHERE chat_id = $1 AND seq = $2', [chatId, rootSeqs[3]]);
  await pool.query('INSERT INTO reaction_dirty (chat_id, seq) VALUES ($1, $2)', [chatId, rootSeqs[3]]);
  const found = await differences();
  expect(found).toHaveLength(8);
  expect(found).toEqual(
    expect.arrayContaining([
      { chatId, seq: rootSeqs[10], what: 'replyCount', stored: '9', counted: '1' },
      { chatId, seq: rootSeqs[250], what: 'lastReplySeq', stored: '7', counted: String(replies[250]?.seq) },
      { chatId, seq: rootSeqs[200], what: 'replyCount', stored: null, counted: '2' },
      { chatId, seq: rootSeqs[200], what: 'lastReplySeq', stored: null, counted: String(replies[200]?.seq) },
      { chatId, seq: reply?.seq, what: 'timelineSeq', stored: '1', counted: expect.any(String) },
      { chatId, seq: rootSeqs[0], what: 'reactions', stored: '[]', counted: expect.stringContaining('👍') },
      { chatId, seq: rootSeqs[1], what: 'reactions', stored: null, counted: expect.stringContaining('👍') },
      { chatId, seq: rootSeqs[2], what: 'reactions', stored: expect.stringContaining('👍'), counted: '[]' },
    ]),
  );
});

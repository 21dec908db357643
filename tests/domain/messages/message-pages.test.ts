import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeHistory } from '../../support/history.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;

beforeAll(async () => {
  services = await startOwnServices();
});

afterAll(() => services.close());

const HISTORY = 20_000;

it.each([{ senders: true }, { senders: false }])(
  'reads a page of a long history by its index, with no statistics of the tables: %o',
  async ({ senders }) => {
    const [ann, ben] = [await services.newUser(), await services.newUser()];
    const chat = await services.newChat(ann, ben);
    const { pool } = services.db;
    await writeHistory(pool, chat.id, { senderId: ann.id, count: HISTORY });
    // One after the other, statements are all the same connection's.
    const counted = async () => {
      const { rows } = await pool.query<{ relname: string; scans: number; rows_read: number }>(
        `SELECT relname, seq_scan::int AS scans, idx_tup_fetch::int AS rows_read FROM pg_stat_xact_user_tables
         WHERE relname IN ('messages', 'chats', 'users', 'chat_memberships')`,
      );
      return new Map(rows.map(({ relname, scans, rows_read }) => [relname, { scans, rows_read }]));
    };
    await pool.query('BEGIN');
    const before = await counted();
    const page = await services.messagePages.read(
      viewerOf(ben),
      chat.id,
      { before: HISTORY / 2, last: 50 },
      { senders },
    );
    const after = await counted();
    await pool.query('ROLLBACK');

    expect(page?.head).toEqual({ chatId: chat.id, epoch: chat.epoch, seq: HISTORY + 2 });
    expect(page?.messages.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 50 }, (_, index) => HISTORY / 2 - 50 + index),
    );
    expect(page?.messages.at(-1)?.sender).toEqual(senders ? viewerOf(ann).user : { id: ann.id });
    expect(after.size).toBe(4);
    for (const [table, { scans, rows_read }] of after) {
      const { scans: scansBefore = 0, rows_read: readBefore = 0 } = before.get(table) ?? {};
      expect([table, scans - scansBefore]).toEqual([table, 0]);
      expect(rows_read - readBefore).toBeLessThan(200);
      if (table === 'users') expect(rows_read > readBefore).toBe(senders);
    }
  },
);

it('is empty for a chat without such messages, and nothing for a stranger, for no chat and for what is no id', async () => {
  const [ann, eve, admin] = [await services.newUser(), await services.newUser(), await services.newUser('admin')];
  const chat = await services.newChat(ann);
  const read = (viewer: typeof ann, chatId: string) =>
    services.messagePages.read(viewerOf(viewer), chatId, { last: 10 }, { senders: true });
  const head = { chatId: chat.id, epoch: chat.epoch, seq: 1 };
  expect(await read(ann, chat.id)).toEqual({ head, messages: [] });
  expect(await read(admin, chat.id.toUpperCase())).toEqual({ head, messages: [] });
  for (const unreachable of [await read(eve, chat.id), await read(admin, crypto.randomUUID()), await read(ann, 'hall')])
    expect(unreachable).toBeUndefined();
});

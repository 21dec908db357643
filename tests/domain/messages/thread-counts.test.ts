import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { assertProperty } from '../../support/property.js';
import { startOwnServices, startServices, type TestServices } from '../../support/services.js';

const HISTORIES = 80;

let one: Awaited<ReturnType<typeof startOwnServices>>;
/** A second process on the same database. */
let two: TestServices;
let ann: UserProfile;
let bob: UserProfile;
/** The callers: ann, and bob, who is a moderator and deletes what others sent. */
let viewers: [Viewer, Viewer];

beforeAll(async () => {
  one = await startOwnServices();
  two = await startServices(one.database, new InProcessBus());
  [ann, bob] = [await one.newUser(), await one.newUser()];
  viewers = [await one.newViewer(ann), await one.newViewer(bob)];
});

afterAll(async () => {
  await two.close();
  await one.close();
});

const ROOTS = 3;

/** One call of a process. `root` is the thread of a send, none for the main timeline; `of` chooses the messages to delete. */
const call = fc.record({
  process: fc.nat(1),
  by: fc.constantFrom(0 as const, 1 as const),
  action: fc.oneof(
    { weight: 3, arbitrary: fc.record({ root: fc.option(fc.nat(ROOTS - 1)), alsoInChat: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ of: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }) }) },
  ),
});

/** Steps one after the other, each of calls that are made at once. */
const history = fc.array(fc.array(call, { minLength: 1, maxLength: 10 }), { minLength: 1, maxLength: 8 });

/** What the rows of the replies say, and what the threads hold. A thread that lost all its replies holds 0 and 0. */
const RECOUNT = `SELECT t.root_seq, t.reply_count, t.last_reply_seq,
    count(x.seq) FILTER (WHERE x.deleted_at IS NULL)::int AS counted,
    coalesce(max(x.seq) FILTER (WHERE x.deleted_at IS NULL), 0) AS newest
  FROM message_extras x LEFT JOIN threads t ON t.chat_id = x.chat_id AND t.root_seq = x.thread_root_seq
  WHERE x.chat_id = $1 AND x.thread_root_seq IS NOT NULL GROUP BY x.thread_root_seq, t.root_seq, t.reply_count, t.last_reply_seq`;

/** Of each reply that only its thread shows: the newest message of the main timeline before it, and what the reply holds as that. */
const TIMELINE = `SELECT x.seq, x.timeline_seq, (SELECT coalesce(max(m.seq), 0) FROM messages m
    WHERE m.chat_id = x.chat_id AND m.seq < x.seq AND m.flags & 2 = 0) AS newest
  FROM message_extras x WHERE x.chat_id = $1 AND x.thread_root_seq IS NOT NULL AND NOT x.also_in_chat`;

it(`threads hold what a recount of their replies gives, over ${HISTORIES} histories of sends and deletions by two processes`, async () => {
  let replies = 0;
  let deletions = 0;
  await assertProperty(
    fc.asyncProperty(history, async (steps) => {
      const { id: chatId } = await one.newChat(ann, bob);
      await one.memberships.setRole(null, chatId, bob.id, 'moderator');
      const send = async (services: TestServices, viewer: Viewer, root: string | undefined, also: boolean) =>
        services.messages.send(viewer, {
          ...{ chatId, content: 'x', thread: root },
          alsoInChat: also && root !== undefined,
        });
      const roots = await Promise.all(Array.from({ length: ROOTS }, () => send(one, viewers[0], undefined, false)));
      const sent = roots.map(({ id, sender }) => ({ id, senderId: sender.id }));
      for (const calls of steps) {
        const known = [...sent];
        await Promise.all(
          calls.map(async ({ process, by, action }) => {
            const services = process === 0 ? one : two;
            if ('of' in action) {
              const ids = new Set(
                action.of.flatMap((place) => {
                  const message = known[place % known.length];
                  return message && (by === 1 || message.senderId === ann.id) ? [message.id] : [];
                }),
              );
              if (ids.size === 0) return;
              await services.messageChanges.deleteMany(viewers[by], chatId, [...ids]);
              deletions += ids.size;
              return;
            }
            const root = action.root === null ? undefined : roots[action.root]?.id;
            const message = await send(services, viewers[by], root, action.alsoInChat).catch(
              // A deleted root without replies takes none.
              (error: { code?: string; field?: string }) => {
                if (error.code !== 'BAD_USER_INPUT' || error.field !== 'thread') throw error;
              },
            );
            if (!message) return;
            sent.push({ id: message.id, senderId: message.sender.id });
            if (root !== undefined) replies += 1;
          }),
        );
        const { rows } = await one.db.pool.query(RECOUNT, [chatId]);
        for (const row of rows) expect(row).toMatchObject({ reply_count: row.counted, last_reply_seq: row.newest });
      }
      const { rows: hidden } = await two.db.pool.query(TIMELINE, [chatId]);
      for (const row of hidden) expect(row.timeline_seq, `of ${row.seq}`).toBe(row.newest);
    }),
    { numRuns: HISTORIES },
  );
  expect([replies > HISTORIES, deletions > HISTORIES]).toEqual([true, true]);
}, 120_000);

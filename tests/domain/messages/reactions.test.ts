import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import { extrasOf, MAX_REACTION_EMOJI } from '../../../src/domain/log/chat-message.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { startOwnServices, startServices, type TestServices, viewerOf } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';

type OwnServices = Awaited<ReturnType<typeof startOwnServices>>;

let one: OwnServices;
/** A second process on the same database. */
let two: TestServices;

beforeAll(async () => {
  one = await startOwnServices();
  two = await startServices(one.database, new InProcessBus());
});

afterAll(async () => {
  await two.close();
  await one.close();
});

/** Twenty-one emoji. */
const EMOJI = [...'😀😃😄😁😆😅🤣😂🙂🙃🫠😉😊😇🥰😍🤩😘😗😚😙'];

async function newMessage(...members: UserProfile[]) {
  const [author = await one.newUser()] = members;
  const chat = await one.newChat(author, ...members.slice(1));
  const message = await one.messages.send(viewerOf(author), { chatId: chat.id, content: 'react to this' });
  return { chatId: chat.id, messageId: message.id, seq: message.seq };
}

const summaryIn = (message: Parameters<typeof extrasOf>[0]) =>
  extrasOf(message).reactions.map(({ emoji, count, users }) => [emoji, count, users]);

/** The events message.reactions of the chat, oldest first. */
async function eventsOf(chatId: string) {
  const [head] = await one.chatLog.heads([chatId]);
  if (!head) throw new Error('The chat is gone.');
  const { events } = await one.chatLog.page(head, 0, 1000);
  return events.filter((event) => event.type === 'message.reactions');
}

/** Resolves when no change of the chat waits for a summary. */
async function settled(chatId: string) {
  await vi.waitFor(
    async () => {
      const { rowCount } = await one.db.pool.query('SELECT 1 FROM reaction_dirty WHERE chat_id = $1', [chatId]);
      expect(rowCount).toBe(0);
    },
    { timeout: 20_000, interval: 50 },
  );
}

describe('a reaction', () => {
  it('is in the answer at once, and in one event with its user', async () => {
    const [ann, bob] = [await one.newUser(), await one.newUser()];
    const { chatId, messageId, seq } = await newMessage(ann, bob);
    const message = await one.reactions.add(viewerOf(bob), { chatId, messageId, emoji: '👍' });
    expect(message).toMatchObject({ id: messageId, seq, content: 'react to this', sender: ann });
    expect(summaryIn(message)).toEqual([['👍', 1, [bob.id]]]);
    await settled(chatId);
    const [event, ...more] = await eventsOf(chatId);
    expect(more).toEqual([]);
    expect(event).toMatchObject({ seq: seq + 1, actor: bob, message: { id: messageId } });
    expect(await one.chatLog.messages(chatId, { last: 1 })).toEqual([message]);
  });

  it('changes nothing when it is repeated, in either spelling, and takes no number', async () => {
    const ann = await one.newUser();
    const { chatId, messageId, seq } = await newMessage(ann);
    for (const emoji of ['❤', '❤\ufe0f', '❤']) {
      const message = await one.reactions.add(viewerOf(ann), { chatId, messageId, emoji });
      expect(summaryIn(message)).toEqual([['❤\ufe0f', 1, [ann.id]]]);
      await settled(chatId);
    }
    await one.reactions.remove(viewerOf(ann), { chatId, messageId, emoji: '👍' });
    const { rowCount } = await one.db.pool.query('SELECT 1 FROM reaction_dirty WHERE chat_id = $1', [chatId]);
    expect(rowCount).toBe(0);
    expect((await eventsOf(chatId)).map((event) => event.seq)).toEqual([seq + 1]);
  });

  it('is removed in the other spelling, and the last one leaves an empty summary', async () => {
    const ann = await one.newUser();
    const { chatId, messageId } = await newMessage(ann);
    await one.reactions.add(viewerOf(ann), { chatId, messageId, emoji: '❤' });
    await settled(chatId);
    const message = await one.reactions.remove(viewerOf(ann), { chatId, messageId, emoji: '❤\ufe0f' });
    expect(summaryIn(message)).toEqual([]);
    await settled(chatId);
    expect(await eventsOf(chatId)).toHaveLength(2);
    const [shown] = await one.chatLog.messages(chatId, { last: 1 });
    expect(shown && summaryIn(shown)).toEqual([]);
  });

  it('stands in the order of the first reactions; its users in that of the last', async () => {
    const [ann, bob, eve] = [await one.newUser(), await one.newUser(), await one.newUser()];
    const target = await newMessage(ann, bob, eve);
    for (const [user, emoji] of [
      [bob, '👍'],
      [ann, '🎉'],
      [eve, '👍'],
      [ann, '👍'],
    ] as const)
      await one.reactions.add(viewerOf(user), { ...target, emoji });
    const message = await one.reactions.remove(viewerOf(ann), { ...target, emoji: '🚀' });
    expect(summaryIn(message)).toEqual([
      ['👍', 3, [ann.id, eve.id, bob.id]],
      ['🎉', 1, [ann.id]],
    ]);
    const place = { chatId: target.chatId, seq: target.seq, emoji: '👍' };
    expect(await one.reactions.users([place], { first: 2 })).toEqual([[ann, eve]]);
    expect(await one.reactions.users([place], { first: 2, after: eve.id })).toEqual([[bob]]);
    await one.reactions.remove(viewerOf(eve), { ...target, emoji: '👍' });
    expect(await one.reactions.users([place], { first: 2, after: eve.id })).toMatchObject([
      { code: 'BAD_USER_INPUT', field: 'after' },
    ]);
    const places = [place, { ...place, emoji: '🎉' }];
    expect(await one.reactions.mine(ann.id, places)).toEqual([true, true]);
    expect(await one.reactions.mine(bob.id, places)).toEqual([true, false]);
  });

  it('has an actor only when one user’s reactions have changed since the last summary', async () => {
    const [ann, bob] = [await one.newUser(), await one.newUser()];
    const target = await newMessage(ann, bob);
    await one.reactions.add(viewerOf(ann), { ...target, emoji: '👍' });
    await settled(target.chatId);
    // Both within the time that the next summary waits.
    await Promise.all([
      one.reactions.add(viewerOf(ann), { ...target, emoji: '🎉' }),
      two.reactions.add(viewerOf(bob), { ...target, emoji: '🎉' }),
    ]);
    await settled(target.chatId);
    expect((await eventsOf(target.chatId)).map(({ actor }) => actor?.id)).toEqual([ann.id, undefined]);
  });

  it('takes no number when it is gone before the summary', async () => {
    const [ann, bob] = [await one.newUser(), await one.newUser()];
    const target = await newMessage(ann, bob);
    await one.reactions.add(viewerOf(ann), { ...target, emoji: '👍' });
    await settled(target.chatId);
    await one.reactions.add(viewerOf(bob), { ...target, emoji: '🎉' });
    await one.reactions.remove(viewerOf(bob), { ...target, emoji: '🎉' });
    await settled(target.chatId);
    expect(await eventsOf(target.chatId)).toHaveLength(1);
  });
});

describe('a reaction is refused', () => {
  it('to a stranger, a reader, for an unknown message and for one of another chat', async () => {
    const [ann, eve, reader, admin] = [
      await one.newUser(),
      await one.newUser(),
      await one.newUser(),
      await one.newUser('admin'),
    ];
    const target = await newMessage(ann, reader);
    const other = await newMessage(ann);
    await one.memberships.setRole(null, target.chatId, reader.id, 'reader');
    const add = (user: UserProfile, changes: object = {}) =>
      one.reactions.add(viewerOf(user), { ...target, emoji: '👍', ...changes });
    const unreachable = { code: 'NOT_FOUND', field: undefined, rule: undefined };
    await expect(add(eve)).rejects.toMatchObject(unreachable);
    await expect(add(eve, { messageId: 'nonsense' })).rejects.toMatchObject(unreachable);
    await expect(add(ann, { chatId: crypto.randomUUID() })).rejects.toMatchObject(unreachable);
    await expect(add(admin, { chatId: crypto.randomUUID() })).rejects.toMatchObject(unreachable);
    await expect(add(ann, { chatId: 'nonsense' })).rejects.toMatchObject(unreachable);
    await expect(add(reader)).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'chat.role', needs: 'member' });
    for (const messageId of ['nonsense', crypto.randomUUID(), other.messageId])
      await expect(add(ann, { messageId })).rejects.toMatchObject({ code: 'NOT_FOUND', field: 'messageId' });
    await expect(add(ann, { emoji: 'x' })).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'emoji' });
    await expect(one.reactions.add(viewerOf(ann, ['read']), { ...target, emoji: '👍' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(summaryIn(await add(admin))).toEqual([['👍', 1, [admin.id]]]);
  });

  it('for one emoji too many, exactly, though two processes add at the same time', async () => {
    const users = await Promise.all(Array.from({ length: 3 }, () => one.newUser()));
    const target = await newMessage(...users);
    const results = await Promise.allSettled(
      users.flatMap((user, index) =>
        EMOJI.map((_, place) =>
          ((index + place) % 2 ? one : two).reactions.add(viewerOf(user), {
            ...target,
            emoji: EMOJI[(place + 7 * index) % EMOJI.length] ?? '',
          }),
        ),
      ),
    );
    const { rows } = await one.db.pool.query(
      'SELECT count(DISTINCT emoji)::int AS emoji FROM reactions WHERE chat_id = $1',
      [target.chatId],
    );
    expect(rows).toEqual([{ emoji: MAX_REACTION_EMOJI }]);
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(users.length);
    for (const { reason } of refused)
      expect(reason).toMatchObject({ code: 'CONFLICT', rule: 'message.reactions_full', field: 'emoji' });
  });

  it('to a deleted message, and those that were written meanwhile are dropped without an event', async () => {
    const [ann, bob] = [await one.newUser(), await one.newUser()];
    const target = await newMessage(ann, bob);
    await one.reactions.add(viewerOf(ann), { ...target, emoji: '👍' });
    await settled(target.chatId);
    await one.db.pool.query('UPDATE messages SET flags = flags | 1 WHERE chat_id = $1 AND seq = $2', [
      target.chatId,
      target.seq,
    ]);
    await one.db.pool.query(
      `WITH late AS (INSERT INTO reactions (chat_id, seq, emoji, user_id) VALUES ($1, $2, '🎉', $3))
       INSERT INTO reaction_dirty (chat_id, seq) VALUES ($1, $2)`,
      [target.chatId, target.seq, bob.id],
    );
    await settled(target.chatId);
    const { rowCount } = await one.db.pool.query('SELECT 1 FROM reactions WHERE chat_id = $1', [target.chatId]);
    expect(rowCount).toBe(0);
    for (const change of ['add', 'remove'] as const)
      await expect(one.reactions[change](viewerOf(ann), { ...target, emoji: '👍' })).rejects.toMatchObject({
        code: 'CONFLICT',
        rule: 'message.deleted',
      });
    expect(await eventsOf(target.chatId)).toHaveLength(1);
  });

  it('above 60 a minute, removals and refused ones included', async () => {
    const ann = await one.newUser();
    const target = await newMessage(ann);
    const change = (index: number) =>
      index % 3 === 0
        ? one.reactions.add(viewerOf(ann), { ...target, emoji: 'no emoji' })
        : one.reactions[index % 3 === 1 ? 'add' : 'remove'](viewerOf(ann), { ...target, emoji: '👍' });
    await Promise.allSettled(Array.from({ length: 60 }, (_, index) => change(index)));
    await expect(change(1)).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      rule: 'reaction.rate',
      retryAfterMs: expect.any(Number),
    });
  });
});

/** Resolves when a reaction waits for a lock. */
async function reactionWaits() {
  await vi.waitFor(async () => {
    const { rowCount } = await two.db.pool.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%react(%'`,
    );
    expect(rowCount).toBe(1);
  });
}

it.runIf(testDatabaseSource().kind === 'postgres')(
  'a removal that is committed first wins, also when the reaction waits for it',
  async () => {
    const [ann, bob] = [await one.newUser(), await one.newUser()];
    const target = await newMessage(ann, bob);
    const client = await one.db.pool.connect();
    await client.query('BEGIN');
    await client.query('UPDATE chat_memberships SET left_at = now() WHERE chat_id = $1 AND user_id = $2', [
      target.chatId,
      bob.id,
    ]);
    const reaction = one.reactions.add(viewerOf(bob), { ...target, emoji: '👍' }).catch((error: unknown) => error);
    await reactionWaits();
    await client.query('COMMIT');
    client.release();
    expect(await reaction).toMatchObject({ code: 'NOT_FOUND', field: undefined });
    expect(await eventsOf(target.chatId)).toEqual([]);
  },
);

it.runIf(testDatabaseSource().kind === 'postgres')(
  'waits for a locked membership alone, and holds up no other reaction',
  async () => {
    const [ann, bob] = [await one.newUser(), await one.newUser()];
    const target = await newMessage(ann, bob);
    const client = await one.db.pool.connect();
    await client.query('BEGIN');
    await client.query('UPDATE chat_memberships SET left_at = NULL WHERE chat_id = $1 AND user_id = $2', [
      target.chatId,
      bob.id,
    ]);
    const [first, second] = await Promise.allSettled([
      one.reactions.add(viewerOf(bob), { ...target, emoji: '👍' }),
      one.reactions.add(viewerOf(ann), { ...target, emoji: '👍' }),
    ]);
    await client.query('ROLLBACK');
    client.release();
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'SERVICE_UNAVAILABLE' } });
    expect(second).toMatchObject({ status: 'fulfilled' });
  },
);

it.runIf(testDatabaseSource().kind === 'postgres')(
  'is answered with a deleted message without reactions, when the deletion is committed while the reaction is written',
  async () => {
    const [ann, bob] = [await one.newUser(), await one.newUser()];
    const annViewer = await one.newViewer(ann);
    const target = await newMessage(ann, bob);
    const client = await one.db.pool.connect();
    await client.query('BEGIN');
    // The reaction, which has found the message there, waits for this row of the same key.
    await client.query('INSERT INTO reactions (chat_id, seq, emoji, user_id) VALUES ($1, $2, $3, $4)', [
      target.chatId,
      target.seq,
      '👍',
      bob.id,
    ]);
    const reaction = one.reactions.add(viewerOf(bob), { ...target, emoji: '👍' });
    await reactionWaits();
    await two.messageChanges.delete(annViewer, target);
    await client.query('ROLLBACK');
    client.release();
    const message = await reaction;
    expect(message.content).toBe('');
    expect(extrasOf(message)).toMatchObject({ deletedAt: expect.any(String), reactions: [] });
    await settled(target.chatId);
    const { rowCount } = await one.db.pool.query('SELECT FROM reactions WHERE chat_id = $1', [target.chatId]);
    expect(rowCount).toBe(0);
  },
);

it('is summarised by another process when its own is gone', async () => {
  const ann = await one.newUser();
  const target = await newMessage(ann);
  const gone = await startServices(one.database, new InProcessBus(), { reactionSweepMs: 3_600_000 });
  // What a process that ends before its summary leaves behind.
  await one.db.pool.query(
    `WITH left_behind AS (INSERT INTO reactions (chat_id, seq, emoji, user_id) VALUES ($1, $2, '🎉', $3))
     INSERT INTO reaction_dirty (chat_id, seq, user_id) VALUES ($1, $2, $3)`,
    [target.chatId, target.seq, ann.id],
  );
  await settled(target.chatId);
  expect((await eventsOf(target.chatId)).map(({ actor }) => actor?.id)).toEqual([ann.id]);
  await gone.close();
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SendExtras } from '../../../src/domain/messages/send-extras.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  services = await startOwnServices({ markerIntervalMs: 0 });
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterAll(() => services.close());

async function newTalk() {
  const { id: chatId } = await services.newChat(ann, bob);
  await services.memberships.setRole(null, chatId, bob.id, 'moderator');
  const send = (user: UserProfile, extras: SendExtras = {}) =>
    services.messages.send(viewerOf(user), { chatId, content: 'hi', ...extras });
  const unread = async (user = ann) => (await services.chatStates.of(user.id, [chatId]))[0]?.unread;
  const mark = (seq: number) => services.markers.move(viewerOf(ann), { chatId, seq });
  const edit = async (messageId: string, mentions: string[]) =>
    services.messageChanges.edit(await services.newViewer(bob), { chatId, messageId, content: 'hi', mentions });
  const remove = async (messageId: string) =>
    services.messageChanges.delete(await services.newViewer(bob), { chatId, messageId });
  return { chatId, send, unread, mark, edit, remove };
}

describe('unread messages', () => {
  it('are those of others behind the marker, without deleted ones and replies', async () => {
    const { send, unread, remove, mark } = await newTalk();
    const none = { messages: 0, capped: false, mentions: 0, threads: 0, firstSeq: null };
    expect(await unread()).toEqual(none);
    const first = await send(bob);
    await send(ann);
    const second = await send(bob);
    await send(bob, { thread: second.id });
    const shown = await send(bob, { thread: second.id, alsoInChat: true });
    expect(await unread()).toEqual({ ...none, messages: 3, firstSeq: first.seq });
    await remove(first.id);
    expect(await unread()).toEqual({ ...none, messages: 2, firstSeq: second.seq });
    await mark(second.seq);
    expect(await unread()).toEqual({ ...none, messages: 1, firstSeq: shown.seq });
    // Sending moves no marker.
    await send(ann);
    expect(await unread()).toEqual({ ...none, messages: 1, firstSeq: shown.seq });
  });

  it('are capped above a hundred, and not at a hundred', async () => {
    const { send, unread, remove } = await newTalk();
    const sent = await Promise.all(Array.from({ length: 101 }, () => send(bob)));
    expect(await unread()).toMatchObject({ messages: 100, capped: true });
    await remove(sent[50]?.id ?? '');
    expect(await unread()).toMatchObject({ messages: 100, capped: false });
    await remove(sent[51]?.id ?? '');
    expect(await unread()).toMatchObject({ messages: 99, capped: false });
  });

  it('begin with joining, whatever the marker of an earlier membership was', async () => {
    const { chatId, send, unread, mark } = await newTalk();
    await mark((await send(bob)).seq);
    await services.memberships.remove(null, chatId, ann.id);
    expect(await services.chatStates.of(ann.id, [chatId])).toEqual([]);
    await send(bob);
    await services.memberships.add(null, chatId, ann.id);
    expect(await unread()).toMatchObject({ messages: 0 });
    const { seq } = await send(bob);
    expect(await unread()).toMatchObject({ messages: 1, firstSeq: seq });
  });

  it('end with what was truncated', async () => {
    const { chatId, send, unread } = await newTalk();
    await send(bob);
    const { seq } = await send(bob);
    await services.db.pool.query('UPDATE chats SET first_seq = $2 WHERE id = $1', [chatId, seq]);
    expect(await unread()).toMatchObject({ messages: 1, firstSeq: seq });
  });
});

describe('unread mentions', () => {
  it('are counted by message, once when it names one and everybody', async () => {
    const { send, unread, mark } = await newTalk();
    await send(bob, { mentions: [ann.id] });
    await send(bob, { mentionAll: true });
    await send(bob, { mentions: [ann.id, bob.id], mentionAll: true });
    await send(bob, { mentions: [bob.id] });
    const last = await send(ann, { mentions: [ann.id] });
    expect(await unread()).toMatchObject({ messages: 4, mentions: 3 });
    await mark(last.seq);
    expect(await unread()).toMatchObject({ messages: 0, mentions: 0 });
  });

  it('in threads are not among them, unless the reply is in the chat too', async () => {
    const { send, unread } = await newTalk();
    const root = await send(bob);
    await send(bob, { thread: root.id, mentions: [ann.id] });
    expect(await unread()).toMatchObject({ mentions: 0, threads: 1 });
    await send(bob, { thread: root.id, mentions: [ann.id], alsoInChat: true });
    await send(bob, { thread: root.id, mentionAll: true });
    expect(await unread()).toMatchObject({ mentions: 1, threads: 1 });
  });

  it('come and go with edits, also of a message that was read', async () => {
    const { send, unread, mark, edit, remove } = await newTalk();
    const message = await send(bob);
    await mark(message.seq);
    await edit(message.id, [ann.id]);
    expect(await unread()).toMatchObject({ messages: 0, mentions: 1 });
    await edit(message.id, []);
    expect(await unread()).toMatchObject({ mentions: 0 });
    await edit(message.id, [ann.id]);
    await mark(message.seq + 3);
    expect(await unread()).toMatchObject({ mentions: 0 });
    const other = await send(bob, { mentions: [ann.id] });
    await remove(other.id);
    expect(await unread()).toMatchObject({ mentions: 0 });
  });
});

it('unread threads are those that one follows with a reply of others behind their markers', async () => {
  const { chatId, send, unread, mark, remove } = await newTalk();
  const roots = [await send(ann), await send(ann), await send(bob)];
  const replies = await Promise.all(roots.map(({ id }) => send(bob, { thread: id })));
  expect(await unread()).toMatchObject({ threads: 2 });
  await mark(replies[2]?.seq ?? 0);
  expect(await unread()).toMatchObject({ messages: 0, threads: 2 });
  await services.threads.follow(viewerOf(ann), chatId, roots[0]?.id ?? '', false);
  expect(await unread()).toMatchObject({ threads: 1 });
  await remove(replies[1]?.id ?? '');
  expect(await unread()).toMatchObject({ threads: 0 });
  await send(ann, { thread: roots[1]?.id ?? '' });
  expect(await unread()).toMatchObject({ threads: 0 });
});

describe('a state', () => {
  it('has the role, and the mute while it lasts', async () => {
    const { chatId } = await newTalk();
    const state = async () => (await services.chatStates.of(ann.id, [chatId]))[0];
    const mute = (until: string) =>
      services.db.pool.query('UPDATE chat_memberships SET muted_until = $3 WHERE chat_id = $1 AND user_id = $2', [
        ...[chatId, ann.id, until],
      ]);
    expect(await state()).toMatchObject({ chatId, role: 'member', mutedUntil: null, notify: 'all', hidden: false });
    await mute('9999-12-31T23:59:59.999Z');
    expect(await state()).toMatchObject({ mutedUntil: '9999-12-31T23:59:59.999Z' });
    await mute('2020-01-01T00:00:00Z');
    expect(await state()).toMatchObject({ mutedUntil: null });
    await services.memberships.setRole(null, chatId, ann.id, 'owner');
    expect(await state()).toMatchObject({ role: 'owner' });
  });

  it('notifies of mentions only in a chat of more than a thousand members, unless one chose otherwise', async () => {
    const { chatId } = await newTalk();
    const notify = async () => (await services.chatStates.of(ann.id, [chatId]))[0]?.notify;
    const { pool } = services.db;
    await pool.query(
      `WITH made AS (INSERT INTO users (id, username) SELECT gen_random_uuid(), 'crowd' || i FROM generate_series(1, 999) i RETURNING id)
       INSERT INTO chat_memberships (chat_id, user_id) SELECT $1, id FROM made`,
      [chatId],
    );
    await pool.query('UPDATE chats SET member_count = member_count + 999 WHERE id = $1', [chatId]);
    expect(await notify()).toBe('mentions');
    await services.chatPreferences.set(viewerOf(ann), { chatId, notify: 'all' });
    expect(await notify()).toBe('all');
    await services.chatPreferences.set(viewerOf(ann), { chatId, notify: null });
    await pool.query(
      `UPDATE chat_memberships SET left_at = now() WHERE chat_id = $1 AND user_id = (
         SELECT user_id FROM chat_memberships WHERE chat_id = $1 AND user_id NOT IN ($2, $3) LIMIT 1)`,
      [chatId, ann.id, bob.id],
    );
    await pool.query('UPDATE chats SET member_count = member_count - 1 WHERE id = $1', [chatId]);
    expect(await notify()).toBe('all');
  });

  it('is read for many chats and members by one statement', async () => {
    const talks = [await newTalk(), await newTalk()];
    const chatIds = talks.map(({ chatId }) => chatId);
    const states = await services.chatStates.of(ann.id, [...chatIds, crypto.randomUUID()]);
    expect(states.map(({ chatId }) => chatId)).toEqual(chatIds);
    const places = [ann, bob].flatMap(({ id }) => chatIds.map((chatId) => ({ chatId, userId: id })));
    expect(await services.chatStates.ofMembers(places)).toMatchObject(places);
    expect(await services.chatStates.of(ann.id, [])).toEqual([]);
  });
});

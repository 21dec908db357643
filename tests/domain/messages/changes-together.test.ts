import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChatMessage, extrasOf } from '../../../src/domain/log/chat-message.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { countStatements } from '../../support/graphql-app.js';
import { startOwnServices } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';

// A transaction that is open on the embedded database is everybody's.
const oneSession = testDatabaseSource().kind === 'embedded';
const CHATS = 24;

let services: Awaited<ReturnType<typeof startOwnServices>>;
let ann: UserProfile;
let bob: UserProfile;
let annViewer: Viewer;
let bobViewer: Viewer;
let admin: Viewer;

beforeAll(async () => {
  services = await startOwnServices();
  [ann, bob] = [await services.newUser(), await services.newUser()];
  [annViewer, bobViewer] = [await services.newViewer(ann), await services.newViewer(bob)];
  admin = await services.newViewer(await services.newUser('admin'));
});
afterAll(() => services.close());

/** A message of ann's in each of as many new chats of ann and bob. */
function newMessages(count: number): Promise<ChatMessage[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const { id: chatId } = await services.newChat(ann, bob);
      return services.messages.send(annViewer, { chatId, content: 'at first' });
    }),
  );
}

const targetOf = ({ chatId, id }: ChatMessage) => ({ chatId, messageId: id });
const edit = (message: ChatMessage, content: string, viewer = annViewer) =>
  services.messageChanges.edit(viewer, { ...targetOf(message), content });

async function kindsIn(chatId: string): Promise<string[]> {
  const { rows } = await services.db.pool.query<{ kind: string }>(
    'SELECT kind FROM chat_events WHERE chat_id = $1 AND message_seq IS NOT NULL ORDER BY seq',
    [chatId],
  );
  return rows.map(({ kind }) => kind);
}

describe('changes of messages that arrive together', () => {
  it('share their statements, whatever their chats', async () => {
    const messages = await newMessages(CHATS);
    const edits = await countStatements(services, async () => {
      const edited = await Promise.all(messages.map((message, index) => edit(message, `words ${index}`)));
      expect(edited.map(({ content }) => content)).toEqual(messages.map((_, index) => `words ${index}`));
    });
    const pins = await countStatements(services, () =>
      Promise.all(messages.map((message) => services.messageChanges.pin(admin, targetOf(message)))),
    );
    const deletions = await countStatements(services, async () => {
      const deleted = await Promise.all(
        messages.map((message) => services.messageChanges.delete(annViewer, targetOf(message))),
      );
      expect(deleted.map(({ id }) => id)).toEqual(messages.map(({ id }) => id));
    });
    expect([edits, pins, deletions]).toEqual([1, 1, 1]);
    for (const { chatId } of messages)
      expect(await kindsIn(chatId)).toEqual(['message.edited', 'message.pinned', 'message.deleted']);
  });

  it('of one message are made in the order in which they were asked for, and each returns what it made', async () => {
    const [message, other] = await newMessages(2);
    if (!message || !other) throw new Error('There are no messages.');
    const contents = ['one', 'two', 'three', 'four'];
    const [, ...edited] = await Promise.all([
      edit(other, 'beside'),
      ...contents.map((content) => edit(message, content)),
    ]);
    expect(edited.map(({ content }) => content)).toEqual(contents);
    expect(edited.map((each) => extrasOf(each).revision)).toEqual([1, 2, 3, 4]);
  });

  it('are refused each for itself', async () => {
    const [mine, gone, foreign, pinned] = await newMessages(4);
    if (!mine || !gone || !foreign || !pinned) throw new Error('There are no messages.');
    await services.messageChanges.delete(annViewer, targetOf(gone));
    const former = await services.newViewer(ann);
    await services.db.pool.query('UPDATE token_families SET revoked_at = now() WHERE id = $1', [former.familyId]);
    const results = await Promise.allSettled([
      edit(mine, 'new words'),
      edit(gone, 'words for nothing'),
      edit(foreign, 'words in a mouth', bobViewer),
      edit({ ...pinned, id: crypto.randomUUID() }, 'of no message'),
      edit({ ...pinned, chatId: crypto.randomUUID() }, 'of no chat'),
      edit(pinned, 'of a sign-in that has ended', former),
      services.messageChanges.edit(annViewer, { ...targetOf(pinned), content: 'x', mentions: [crypto.randomUUID()] }),
      services.messageChanges.edit(annViewer, {
        ...targetOf(pinned),
        content: 'y',
        mentions: [bob.id],
        metadata: { a: '"\\{' },
      }),
    ]);
    expect(
      results.map((each) => (each.status === 'fulfilled' ? each.value.content : (each.reason.code as string))),
    ).toEqual([
      'new words',
      'CONFLICT',
      'FORBIDDEN',
      'NOT_FOUND',
      'NOT_FOUND',
      'UNAUTHENTICATED',
      'BAD_USER_INPUT',
      'y',
    ]);
    const last = results.at(-1);
    if (last?.status !== 'fulfilled') throw new Error('The edit was refused.');
    expect(extrasOf(last.value)).toMatchObject({ metadata: { a: '"\\{' }, mentions: [{ id: bob.id }] });
  });

  it('of a moderator are acts of the audit log, beside those of the senders', async () => {
    const messages = await newMessages(6);
    const { chatId } = messages[0] ?? { chatId: '' };
    await services.memberships.setRole(null, chatId, bob.id, 'moderator');
    const results = await Promise.allSettled([
      ...messages.slice(0, 3).map((message) => services.messageChanges.delete(bobViewer, targetOf(message))),
      ...messages.slice(3).map((message) => services.messageChanges.delete(annViewer, targetOf(message))),
    ]);
    expect(results.map((each) => (each.status === 'fulfilled' ? 'deleted' : each.reason.rule))).toEqual([
      'deleted',
      'message.not_yours',
      'message.not_yours',
      ...['deleted', 'deleted', 'deleted'],
    ]);
    const { rows } = await services.db.pool.query(
      "SELECT actor_id, target FROM audit_log WHERE action = 'message.deleted' AND chat_id = ANY ($1::uuid[])",
      [messages.map((message) => message.chatId)],
    );
    expect(rows).toEqual([{ actor_id: bob.id, target: messages[0]?.id }]);
  });

  it.skipIf(oneSession)(
    'do not wait for a chat or a sign-in that is locked, which is changed when it is free (skipped on the embedded database, which has one session)',
    async () => {
      const messages = await newMessages(6);
      const [locked, slow, ...others] = messages;
      if (!locked || !slow) throw new Error('There are no messages.');
      const holder = await services.db.pool.connect();
      try {
        await holder.query('BEGIN');
        await holder.query('SELECT FROM chats WHERE id = $1 FOR UPDATE', [locked.chatId]);
        const viewer = await services.newViewer(ann);
        await holder.query('SELECT FROM token_families WHERE id = $1 FOR UPDATE', [viewer.familyId]);
        const waiting = [edit(locked, 'later'), edit(slow, 'later too', viewer)];
        const free = await Promise.all(others.map((message) => edit(message, 'at once')));
        expect(free.map(({ content }) => content)).toEqual(others.map(() => 'at once'));
        expect(await kindsIn(locked.chatId)).toEqual([]);
        expect(await kindsIn(slow.chatId)).toEqual([]);
        // What is asked for now does not overtake it.
        waiting.push(edit(locked, 'last'));
        await holder.query('COMMIT');
        const edited = await Promise.all(waiting);
        expect(edited.map(({ content }) => content)).toEqual(['later', 'later too', 'last']);
        expect(edited.map((each) => extrasOf(each).revision)).toEqual([1, 1, 2]);
      } finally {
        await holder.query('ROLLBACK');
        holder.release();
      }
    },
  );
});

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ChatMessage } from '../../../src/domain/log/chat-message.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startGraphqlApp(services);
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const MENTIONS = 'query ($first: Int, $before: ID) { mentions(first: $first, before: $before) { id } }';

/** Makes a message so many seconds older. */
const EARLIER = `WITH named AS (UPDATE mentions SET at = at - $3 * interval '1 s' WHERE chat_id = $1 AND message_seq = $2)
  UPDATE messages SET created_at = created_at - $3 * interval '1 s' WHERE chat_id = $1 AND seq = $2`;

/** Two chats of ann, who is mentioned, and bob, who mentions her. */
async function newTalks() {
  const [ann, bob] = [await services.newUser(), await services.newUser()];
  const [here, there] = [await services.newChat(ann, bob), await services.newChat(ann, bob)];
  const anns = await app.newToken(ann);
  const bobs = await services.newViewer(bob);
  const send = (chatId: string, mentioned: readonly UserProfile[] = [ann]) =>
    services.messages.send(viewerOf(bob), { chatId, content: 'you', mentions: mentioned.map(({ id }) => id) });
  return {
    ...{ ann, bob, here: here.id, there: there.id, send },
    /** Messages of the chats in turn, the oldest first, a second apart: those of one moment have another order. */
    async alternate(count: number) {
      const sent: ChatMessage[] = [];
      while (sent.length < count) {
        const message = await send(sent.length % 2 ? there.id : here.id);
        await services.db.pool.query(EARLIER, [message.chatId, message.seq, count - sent.length]);
        sent.push(message);
      }
      return sent;
    },
    edit: ({ chatId, id: messageId }: ChatMessage, mentioned: readonly UserProfile[]) =>
      services.messageChanges.edit(bobs, {
        ...{ chatId, messageId, content: 'edited', mentions: mentioned.map(({ id }) => id) },
      }),
    remove: ({ chatId, id: messageId }: ChatMessage) => services.messageChanges.delete(bobs, { chatId, messageId }),
    ask: (page: { first?: number; before?: string | undefined } = {}) => app.run(MENTIONS, page, { token: anns }),
    async mentions(page: { first?: number; before?: string | undefined } = {}) {
      const { data } = await this.ask(page);
      const { mentions }: { mentions: { id: string }[] } = Object(data);
      return mentions.map(({ id }) => id);
    },
  };
}

const newestFirst = (messages: readonly ChatMessage[]) => messages.map(({ id }) => id).toReversed();

it('mentions are of all your chats, by name alone, the newest first', async () => {
  const talk = await newTalks();
  const sent = await talk.alternate(5);
  await services.memberships.setRole(null, talk.here, talk.bob.id, 'owner');
  await talk.send(talk.here, [talk.bob]);
  await services.messages.send(viewerOf(talk.bob), { chatId: talk.here, content: 'all', mentionAll: true });
  expect(await talk.mentions()).toEqual(newestFirst(sent));
  expect(await talk.mentions({ first: 2 })).toEqual(newestFirst(sent).slice(0, 2));
});

it('mentions are paged over chats, with none twice while others arrive, those of one moment too', async () => {
  const talk = await newTalks();
  const sent = await talk.alternate(9);
  await services.db.pool.query('UPDATE mentions SET at = $2 WHERE user_id = $1', [
    talk.ann.id,
    '2026-01-02T03:04:05.678Z',
  ]);
  const all = await talk.mentions();
  expect(new Set(all)).toEqual(new Set(sent.map(({ id }) => id)));
  const listed: string[] = [];
  for (let before: string | undefined; ; before = listed.at(-1)) {
    const page = await talk.mentions({ first: 2, before });
    listed.push(...page);
    if (page.length < 2) break;
    await talk.send(talk.there);
  }
  expect(listed).toEqual(all);
});

it('mentions go when you leave the chat, and are back when you return', async () => {
  const talk = await newTalks();
  const sent = await talk.alternate(4);
  await services.memberships.remove(null, talk.here, talk.ann.id);
  const left = newestFirst(sent.filter(({ chatId }) => chatId === talk.there));
  expect(await talk.mentions()).toEqual(left);
  // A page that ended with one of the other chat goes on.
  expect(await talk.mentions({ before: sent.at(2)?.id })).toEqual(left.slice(1));
  await services.memberships.add(null, talk.here, talk.ann.id);
  expect(await talk.mentions()).toEqual(newestFirst(sent));
});

it('an edit that takes a mention away, and a deletion, take the message from the list', async () => {
  const talk = await newTalks();
  const [first, second, third, fourth] = await talk.alternate(4);
  if (!first || !second || !third || !fourth) throw new Error('Four messages are expected.');
  await talk.edit(third, [talk.bob]);
  await talk.remove(second);
  expect(await talk.mentions()).toEqual([fourth.id, first.id]);
  // Pages go on from where they were, or from the edit.
  expect(await talk.mentions({ before: second.id })).toEqual([first.id]);
  expect(await talk.mentions({ before: third.id })).toEqual([fourth.id, first.id]);
});

it('an edit that keeps a mention leaves its place, and one that adds it makes it the newest', async () => {
  const talk = await newTalks();
  const plain = await talk.send(talk.here, []);
  const sent = await talk.alternate(3);
  const [kept] = sent;
  if (!kept) throw new Error('A message is expected.');
  await talk.edit(kept, [talk.bob, talk.ann]);
  expect(await talk.mentions()).toEqual(newestFirst(sent));
  await talk.edit(plain, [talk.ann]);
  expect(await talk.mentions()).toEqual([plain.id, ...newestFirst(sent)]);
  expect(await talk.mentions({ before: plain.id })).toEqual(newestFirst(sent));
});

it('a page goes on without a gap when the mention that it ended with, of an edit, is gone by then', async () => {
  const talk = await newTalks();
  for (const takeAway of [talk.remove, (message: ChatMessage) => talk.edit(message, [])]) {
    const plain = await talk.send(talk.here, []);
    const [older] = await talk.alternate(1);
    await talk.edit(plain, [talk.ann]);
    const [last] = await talk.mentions({ first: 1 });
    expect(last).toBe(plain.id);
    await takeAway(plain);
    expect((await talk.mentions({ before: plain.id }))[0]).toBe(older?.id);
  }
});

it('mentions are refused with a length or a message that cannot be', async () => {
  const talk = await newTalks();
  const [stranger, bob] = [await services.newUser(), await services.newUser()];
  const chat = await services.newChat(stranger, bob);
  const elsewhere = await talk.send(talk.here);
  const foreign = await services.messages.send(viewerOf(bob), { chatId: chat.id, content: 'x', mentions: [bob.id] });
  const refusal = async (page: object) => (await talk.ask(page)).errors.map(({ extensions }) => extensions);
  for (const first of [0, -1, 101])
    expect(await refusal({ first })).toEqual([{ code: 'BAD_USER_INPUT', field: 'first' }]);
  for (const before of ['', 'x', crypto.randomUUID(), foreign.id])
    expect(await refusal({ before })).toEqual([{ code: 'BAD_USER_INPUT', field: 'before' }]);
  expect(await refusal({ before: elsewhere.id.toUpperCase() })).toEqual([]);
});

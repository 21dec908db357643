import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../../src/domain/log/chat-message.js';
import type { SendExtras } from '../../../src/domain/messages/send-extras.js';
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

interface ThreadAnswer {
  cursor: string;
  root: { id: string; content: string; deletedAt: string | null };
  replyCount: number;
  lastReply: { id: string; seq: number } | null;
}

interface Filter {
  following?: boolean;
  unread?: boolean;
  first?: number;
  after?: string;
}

const THREADS = `query ($chat: ID!, $following: Boolean, $unread: Boolean, $first: Int, $after: String) {
  threads(chatId: $chat, following: $following, unread: $unread, first: $first, after: $after) {
    cursor replyCount root { id content deletedAt } lastReply { id seq }
  }
}`;

const THREAD_OF = `query ($chat: ID!, $id: ID!, $first: Int) {
  message(chatId: $chat, id: $id) {
    thread {
      participants(first: $first) { id }
      viewer { following readSeq unread unreadCapped mentions }
    }
  }
}`;

const FOLLOW = `mutation ($chat: ID!, $id: ID!, $follow: Boolean!) {
  followThread(chatId: $chat, messageId: $id, follow: $follow) { root { id } viewer { following readSeq unread } }
}`;

async function newTalk() {
  const [ann, bob] = [await services.newUser(), await services.newUser()];
  const { id: chat } = await services.newChat(ann, bob);
  const send = (user: UserProfile, extras: SendExtras = {}) =>
    services.messages.send(viewerOf(user), { chatId: chat, content: 'hi', ...extras });
  const reply = (user: UserProfile, root: ChatMessage, extras: SendExtras = {}) =>
    send(user, { thread: root.id, ...extras });
  return {
    ...{ ann, bob, chat, send, reply },
    remove: async (message: ChatMessage) =>
      services.messageChanges.delete(await services.newViewer(message.sender), { chatId: chat, messageId: message.id }),
    async threads(user: UserProfile, filter: Filter = {}) {
      const { data } = await app.run(THREADS, { chat, ...filter }, { token: await app.newToken(user) });
      const { threads }: { threads: ThreadAnswer[] } = Object(data);
      return threads;
    },
    /** The roots of the threads. */
    async roots(user: UserProfile, filter: Filter = {}) {
      return (await this.threads(user, filter)).map(({ root }) => root.id);
    },
    async thread(user: UserProfile, { id }: ChatMessage, first?: number) {
      const { data } = await app.run(THREAD_OF, { chat, id, first }, { token: await app.newToken(user) });
      const { thread }: { thread: object } = Object(data?.message);
      return thread;
    },
    follow: async (user: UserProfile, id: string, follow: boolean) =>
      app.run(FOLLOW, { chat, id, follow }, { token: await app.newToken(user) }),
  };
}

describe('threads of a chat', () => {
  it('are those with replies, the one with the newest reply first', async () => {
    const talk = await newTalk();
    const { ann, bob } = talk;
    const [first, second] = [await talk.send(ann), await talk.send(ann)];
    await talk.send(ann);
    expect(await talk.threads(bob)).toEqual([]);
    await talk.reply(bob, first);
    const toSecond = await talk.reply(bob, second, { alsoInChat: true });
    expect(await talk.roots(bob)).toEqual([second.id, first.id]);
    const toFirst = await talk.reply(ann, first);
    expect(await talk.threads(bob)).toEqual([
      {
        cursor: String(toFirst.seq),
        root: { id: first.id, content: 'hi', deletedAt: null },
        replyCount: 2,
        lastReply: { id: toFirst.id, seq: toFirst.seq },
      },
      {
        cursor: String(toSecond.seq),
        root: { id: second.id, content: 'hi', deletedAt: null },
        replyCount: 1,
        lastReply: { id: toSecond.id, seq: toSecond.seq },
      },
    ]);
  });

  it('are paged with none twice while replies arrive: what moves to the front leaves the later pages', async () => {
    const talk = await newTalk();
    const { ann, bob } = talk;
    const roots = await Promise.all(Array.from({ length: 23 }, () => talk.send(ann)));
    for (const root of roots) await talk.reply(bob, root);
    const oldestFirst = roots.map(({ id }) => id);
    const listed: string[] = [];
    const moved = new Set<string>();
    let after: string | undefined;
    for (let pages = 0; ; pages += 1) {
      const page = await talk.threads(ann, { first: 4, ...(after !== undefined && { after }) });
      listed.push(...page.map(({ root }) => root.id));
      after = page.at(-1)?.cursor;
      if (page.length < 4) break;
      // One that was listed, one that is on the next page, and one that is on the last.
      for (const root of [roots.at(-1), roots.at(-6 - 4 * pages), roots[pages]]) {
        if (!root) continue;
        if (!listed.includes(root.id)) moved.add(root.id);
        await talk.reply(bob, root);
      }
    }
    expect(new Set(listed).size).toBe(listed.length);
    expect(moved.size).toBeGreaterThan(3);
    expect(listed).toEqual(oldestFirst.toReversed().filter((id) => !moved.has(id)));
    expect(new Set(await talk.roots(ann))).toEqual(new Set(oldestFirst));
  });

  it('are those that you follow, with `following`, and those with unread replies of others, with `unread`', async () => {
    const talk = await newTalk();
    const { ann, bob } = talk;
    const [own, other] = [await talk.send(ann), await talk.send(bob)];
    await talk.reply(bob, own);
    await talk.reply(bob, other);
    const both = [other.id, own.id];
    expect(await talk.roots(ann)).toEqual(both);
    expect(await talk.roots(ann, { following: true })).toEqual([own.id]);
    expect(await talk.roots(ann, { unread: true })).toEqual(both);
    expect(await talk.roots(ann, { following: true, unread: true })).toEqual([own.id]);
    expect(await talk.roots(bob, { following: true })).toEqual(both);
    // One's own replies are not unread.
    expect(await talk.roots(bob, { unread: true })).toEqual([]);
    // Who begins to follow has read what is there.
    await talk.follow(ann, other.id, true);
    expect(await talk.roots(ann, { following: true })).toEqual(both);
    expect(await talk.roots(ann, { unread: true })).toEqual([own.id]);
    // Who stops to follow has still read it.
    await talk.follow(ann, other.id, false);
    expect(await talk.roots(ann, { following: true })).toEqual([own.id]);
    expect(await talk.roots(ann, { unread: true })).toEqual([own.id]);
    await talk.reply(bob, other);
    expect(await talk.roots(ann, { unread: true })).toEqual(both);
  });

  it('go back to their newest reply that is left, and from the list when none is', async () => {
    const talk = await newTalk();
    const { ann, bob } = talk;
    const [first, second] = [await talk.send(ann), await talk.send(ann)];
    const replies = [await talk.reply(bob, first), await talk.reply(bob, second), await talk.reply(ann, first)];
    const [kept, , newest] = replies;
    if (!kept || !newest) throw new Error('Two replies are expected.');
    await talk.remove(newest);
    expect(await talk.roots(bob)).toEqual([second.id, first.id]);
    expect((await talk.threads(bob))[1]).toMatchObject({
      replyCount: 1,
      lastReply: { id: kept.id },
      cursor: String(kept.seq),
    });
    expect(await talk.thread(bob, first)).toMatchObject({ participants: [{ id: bob.id }] });
    await talk.remove(kept);
    expect(await talk.roots(bob)).toEqual([second.id]);
    const QUERY =
      'query ($chat: ID!, $id: ID!) { message(chatId: $chat, id: $id) { thread { replyCount lastReply { id } } } }';
    const { data } = await app.run(QUERY, { chat: talk.chat, id: first.id }, { token: await app.newToken(bob) });
    expect(data).toEqual({ message: { thread: { replyCount: 0, lastReply: null } } });
  });

  it('may come again on a later page when their newest reply is deleted meanwhile', async () => {
    const talk = await newTalk();
    const { ann, bob } = talk;
    const [first, second] = [await talk.send(ann), await talk.send(ann)];
    await talk.reply(bob, first);
    await talk.reply(bob, second);
    const newest = await talk.reply(bob, first);
    const [page] = await talk.threads(ann, { first: 1 });
    await talk.remove(newest);
    expect(page?.root.id).toBe(first.id);
    expect(await talk.roots(ann, { ...(page && { after: page.cursor }) })).toEqual([second.id, first.id]);
  });

  it('stay when their root is deleted, and take replies as before', async () => {
    const talk = await newTalk();
    const { ann, bob } = talk;
    const root = await talk.send(ann);
    await talk.reply(bob, root);
    await talk.remove(root);
    await talk.reply(bob, root);
    const tombstone = { id: root.id, content: '', deletedAt: expect.any(String) };
    expect(await talk.threads(ann)).toMatchObject([{ root: tombstone, replyCount: 2 }]);
    expect(await talk.thread(ann, root)).toMatchObject({ viewer: { following: true, unread: 2 } });
  });

  it('are refused with a cursor or a length that cannot be, and in a chat that is not yours', async () => {
    const { ann, chat } = await newTalk();
    const ask = async (variables: object, user = ann) =>
      (await app.run(THREADS, { chat, ...variables }, { token: await app.newToken(user) })).errors.map(
        ({ extensions }) => extensions,
      );
    for (const after of ['', 'x', '-1', '1.5', '2147483648', '99999999999'])
      expect(await ask({ after })).toEqual([{ code: 'BAD_USER_INPUT', field: 'after' }]);
    for (const first of [0, 101, -1])
      expect(await ask({ first })).toEqual([{ code: 'BAD_USER_INPUT', field: 'first' }]);
    expect(await ask({}, await services.newUser())).toEqual([{ code: 'NOT_FOUND' }]);
  });
});

describe('a thread', () => {
  it('names those who replied last, each once, the newest first', async () => {
    const talk = await newTalk();
    const { ann, bob } = talk;
    const cid = await services.newUser();
    await services.memberships.add(null, talk.chat, cid.id);
    const root = await talk.send(ann);
    for (const user of [ann, bob, cid, bob, ann]) await talk.reply(user, root);
    const named = (...users: UserProfile[]) => ({ participants: users.map(({ id }) => ({ id })) });
    expect(await talk.thread(bob, root)).toMatchObject(named(ann, bob, cid));
    expect(await talk.thread(bob, root, 2)).toMatchObject(named(ann, bob));
    const { codes } = await app.run(
      THREAD_OF,
      { chat: talk.chat, id: root.id, first: 51 },
      { token: await app.newToken(ann) },
    );
    expect(codes).toEqual(['BAD_USER_INPUT']);
  });

  it('counts at most 100 unread replies, and says when there are more', async () => {
    const talk = await newTalk();
    const { ann, bob } = talk;
    const root = await talk.send(ann);
    const state = (unread: number, unreadCapped: boolean) => ({
      viewer: { following: true, readSeq: root.seq, unread, unreadCapped, mentions: 0 },
    });
    await talk.reply(bob, root);
    const mine = await talk.reply(ann, root);
    expect(await talk.thread(ann, root)).toMatchObject(state(1, false));
    expect(await talk.thread(bob, root)).toMatchObject({ viewer: { readSeq: mine.seq - 1, unread: 1 } });
    await Promise.all(Array.from({ length: 99 }, () => talk.reply(bob, root)));
    expect(await talk.thread(ann, root)).toMatchObject(state(100, false));
    const last = await talk.reply(bob, root);
    expect(await talk.thread(ann, root)).toMatchObject(state(100, true));
    await talk.remove(last);
    expect(await talk.thread(ann, root)).toMatchObject(state(100, false));
  });

  it('counts the unread replies that mention you, by name or with all others, each once', async () => {
    const talk = await newTalk();
    const { ann, bob } = talk;
    await services.memberships.setRole(null, talk.chat, bob.id, 'owner');
    const root = await talk.send(ann);
    const plain = await talk.reply(bob, root);
    const named = await talk.reply(bob, root, { mentions: [ann.id], mentionAll: true });
    const everybody = await talk.reply(bob, root, { mentionAll: true });
    await talk.reply(ann, root, { mentions: [ann.id] });
    const mentions = (user: UserProfile) => talk.thread(user, root);
    expect(await mentions(ann)).toMatchObject({ viewer: { mentions: 2, unread: 3 } });
    expect(await mentions(bob)).toMatchObject({ viewer: { mentions: 0, unread: 1 } });
    // An edit that adds a mention counts, one that takes it away does not.
    const bobs = await services.newViewer(bob);
    const edit = (mentioned: string[]) =>
      services.messageChanges.edit(bobs, {
        ...{ chatId: talk.chat, messageId: plain.id, content: 'edited', mentions: mentioned },
      });
    await edit([ann.id]);
    expect(await mentions(ann)).toMatchObject({ viewer: { mentions: 3 } });
    await edit([]);
    for (const message of [named, everybody]) await talk.remove(message);
    expect(await mentions(ann)).toMatchObject({ viewer: { mentions: 0, unread: 1 } });
  });

  it('has in it nothing unread of before you became a member', async () => {
    const talk = await newTalk();
    const { ann, bob } = talk;
    const root = await talk.send(ann);
    await talk.reply(bob, root);
    const cid = await services.newUser();
    await services.memberships.add(null, talk.chat, cid.id);
    expect(await talk.thread(cid, root)).toMatchObject({ viewer: { following: false, readSeq: 0, unread: 0 } });
    expect(await talk.roots(cid, { unread: true })).toEqual([]);
    await talk.reply(bob, root);
    expect(await talk.thread(cid, root)).toMatchObject({ viewer: { unread: 1 } });
    expect(await talk.roots(cid, { unread: true })).toEqual([root.id]);
  });

  it('is nothing to an admin who is no member', async () => {
    const talk = await newTalk();
    const root = await talk.send(talk.ann);
    await talk.reply(talk.bob, root);
    const admin = await services.newUser('admin');
    expect(await talk.thread(admin, root)).toMatchObject({ viewer: null });
    expect(await talk.roots(admin)).toEqual([root.id]);
    for (const filter of [{ following: true }, { unread: true }]) expect(await talk.roots(admin, filter)).toEqual([]);
  });
});

describe('followThread', () => {
  it('makes you follow, from what you have read on, and stop; repeating it changes nothing', async () => {
    const talk = await newTalk();
    const { ann, bob } = talk;
    const root = await talk.send(ann);
    const last = await talk.reply(ann, root);
    const answer = (following: boolean, readSeq: number, unread: number) => ({
      followThread: { root: { id: root.id }, viewer: { following, readSeq, unread } },
    });
    // Of somebody who never followed there is nothing to stop.
    expect((await talk.follow(bob, root.id, false)).data).toEqual(answer(false, 0, 1));
    for (const id of [root.id, root.id.toUpperCase()])
      expect((await talk.follow(bob, id, true)).data).toEqual(answer(true, last.seq, 0));
    await talk.reply(ann, root);
    for (let times = 0; times < 2; times += 1)
      expect((await talk.follow(bob, root.id, false)).data).toEqual(answer(false, last.seq, 1));
    expect((await talk.follow(bob, root.id, true)).data).toEqual(answer(true, last.seq, 1));
    const [head] = await services.chatLog.heads([talk.chat]);
    expect(head?.seq, 'following takes no number').toBe(last.seq + 1);
  });

  it('is for members: refused to strangers, former members, and admins who are none', async () => {
    const talk = await newTalk();
    const { ann, bob } = talk;
    const root = await talk.send(ann);
    await talk.reply(ann, root);
    const [stranger, admin] = [await services.newUser(), await services.newUser('admin')];
    await services.memberships.remove(null, talk.chat, bob.id);
    const refusal = async (user: UserProfile, follow: boolean) =>
      (await talk.follow(user, root.id, follow)).errors.map(({ extensions }) => extensions);
    for (const follow of [true, false]) {
      for (const user of [stranger, bob]) expect(await refusal(user, follow)).toEqual([{ code: 'NOT_FOUND' }]);
      expect(await refusal(admin, follow)).toEqual([{ code: 'FORBIDDEN', rule: 'chat.not_member' }]);
    }
  });

  it('refuses a message without replies, a reply, and what is no message of the chat', async () => {
    const [talk, foreign] = [await newTalk(), await newTalk()];
    const { ann } = talk;
    const [bare, root] = [await talk.send(ann), await talk.send(ann)];
    const reply = await talk.reply(ann, root);
    const elsewhere = await foreign.send(foreign.ann);
    await foreign.reply(foreign.ann, elsewhere);
    for (const id of [bare.id, reply.id, elsewhere.id, 'x', crypto.randomUUID()]) {
      const { errors } = await talk.follow(ann, id, true);
      expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT', field: 'messageId' }]);
    }
  });
});

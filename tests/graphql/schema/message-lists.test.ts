import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../../src/domain/log/chat-message.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let ann: UserProfile;
let token: string;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startGraphqlApp(services);
  ann = await services.newUser();
  token = await app.newToken(ann);
});

afterAll(async () => {
  await app.close();
  await services.close();
});

interface Range {
  last?: number;
  before?: number;
  after?: number;
  thread?: string;
  deleted?: boolean;
}

const MESSAGES = `query ($chat: ID!, $last: Int, $before: Int, $after: Int, $thread: ID, $deleted: Boolean) {
  messages(chatId: $chat, last: $last, before: $before, after: $after, thread: $thread, deleted: $deleted) {
    seq content deletedAt threadRoot { seq } sender { id }
  }
  chat(id: $chat) { lastMessage { seq } }
}`;

async function newTalk() {
  const chat = await services.newChat(ann);
  const viewer = await services.newViewer(ann);
  const send = (thread?: ChatMessage, alsoInChat = false) =>
    services.messages.send(viewer, { chatId: chat.id, content: 'hi', thread: thread?.id, alsoInChat });
  const ask = (range: Range = {}) => app.run(MESSAGES, { chat: chat.id, ...range }, { token });
  return {
    ...{ chat, send, ask },
    remove: (...messages: ChatMessage[]) =>
      services.messageChanges.deleteMany(
        viewer,
        chat.id,
        messages.map(({ id }) => id),
      ),
    /** A run of replies that only their thread shows, each with a number of its own. */
    async hidden(root: ChatMessage, count: number) {
      const replies: ChatMessage[] = [];
      while (replies.length < count) replies.push(await send(root));
      return replies;
    },
    /** The numbers of the messages. */
    async seqs(range: Range = {}) {
      const { data } = await ask(range);
      const { messages }: { messages: { seq: number }[] } = Object(data);
      return messages.map(({ seq }) => seq);
    },
  };
}

const numbers = (...messages: (ChatMessage | undefined)[]) => messages.map((message) => message?.seq);

/** A main timeline of five messages, with hidden runs before, between and behind them; the third of the five is in both. */
async function newRuns() {
  const talk = await newTalk();
  const { send, hidden } = talk;
  const root = await send();
  const runs = [await hidden(root, 3)];
  const second = await send();
  runs.push(await hidden(root, 4));
  const both = await send(root, true);
  const fourth = await send();
  runs.push(await hidden(root, 2));
  const fifth = await send();
  runs.push(await hidden(root, 3));
  return {
    talk,
    root,
    second,
    both,
    fourth,
    fifth,
    runs,
    replies: [...runs.slice(0, 2).flat(), both, ...runs.slice(2).flat()],
  };
}

describe('messages without a thread', () => {
  it('are the main timeline, and `last` counts what is shown', async () => {
    const { talk, root, second, both, fourth, fifth } = await newRuns();
    const shown = [root, second, both, fourth, fifth];
    for (let last = 1; last <= 6; last += 1)
      expect(await talk.seqs({ last }), `last: ${last}`).toEqual(numbers(...shown.slice(-last)));
    const { data } = await talk.ask();
    expect(data).toMatchObject({
      messages: [{ threadRoot: null }, {}, { threadRoot: { seq: root.seq } }, { threadRoot: null }, {}],
      chat: { lastMessage: { seq: fifth.seq } },
    });
  });

  it('are bounded by `before` and `after` at every number, within hidden runs too', async () => {
    const { talk, root, second, both, fourth, fifth, runs } = await newRuns();
    const shown = [root, second, both, fourth, fifth].map(({ seq }) => seq);
    const head = runs.at(-1)?.at(-1)?.seq ?? 0;
    for (let bound = 0; bound <= head + 1; bound += 1) {
      const [below, above] = [shown.filter((seq) => seq < bound), shown.filter((seq) => seq > bound)];
      expect(await talk.seqs({ before: bound, last: 2 }), `before ${bound}`).toEqual(below.slice(-2));
      expect(await talk.seqs({ after: bound, last: 2 }), `after ${bound}`).toEqual(above.slice(-2));
      expect(await talk.seqs({ after: bound, before: bound + 5 }), `after ${bound}, before ${bound + 5}`).toEqual(
        above.filter((seq) => seq < bound + 5),
      );
    }
  });

  it('are all reached by pages backwards, each once', async () => {
    const { talk, root, second, both, fourth, fifth } = await newRuns();
    const read: number[] = [];
    for (let before: number | undefined; ; before = read[0]) {
      const page = await talk.seqs({ last: 2, ...(before !== undefined && { before }) });
      read.unshift(...page);
      if (page.length < 2) break;
    }
    expect(read).toEqual(numbers(root, second, both, fourth, fifth));
  });

  it('have tombstones only with `deleted`, and of hidden replies not even then', async () => {
    const { talk, root, second, both, fourth, fifth, runs } = await newRuns();
    const [reply] = runs[1] ?? [];
    if (!reply) throw new Error('A reply is expected.');
    await talk.remove(second, both, fifth, reply);
    expect(await talk.seqs()).toEqual(numbers(root, fourth));
    expect(await talk.seqs({ deleted: false, last: 1 })).toEqual(numbers(fourth));
    expect(await talk.seqs({ last: 2, before: fifth.seq })).toEqual(numbers(root, fourth));
    expect(await talk.seqs({ deleted: true })).toEqual(numbers(root, second, both, fourth, fifth));
    expect(await talk.seqs({ deleted: true, last: 2, before: fourth.seq })).toEqual(numbers(second, both));
    const { data } = await talk.ask({ deleted: true });
    const tombstone = { content: '', deletedAt: expect.any(String), sender: { id: ann.id } };
    expect(data).toMatchObject({
      messages: [
        { content: 'hi', deletedAt: null },
        tombstone,
        { ...tombstone, threadRoot: { seq: root.seq } },
        { content: 'hi' },
        tombstone,
      ],
      chat: { lastMessage: { seq: fourth.seq } },
    });
  });
});

describe('messages of a thread', () => {
  it('are its replies without the root, those that are in the main timeline too among them', async () => {
    const { talk, root, replies, second } = await newRuns();
    const thread = root.id;
    const seqs = replies.map(({ seq }) => seq);
    for (const id of [thread, thread.toUpperCase()]) expect(await talk.seqs({ thread: id })).toEqual(seqs);
    for (let last = 1; last <= seqs.length; last += 4)
      expect(await talk.seqs({ thread, last })).toEqual(seqs.slice(-last));
    for (let bound = 0; bound <= (seqs.at(-1) ?? 0) + 1; bound += 1) {
      expect(await talk.seqs({ thread, before: bound, last: 2 }), `before ${bound}`).toEqual(
        seqs.filter((seq) => seq < bound).slice(-2),
      );
      expect(await talk.seqs({ thread, after: bound, last: 2 }), `after ${bound}`).toEqual(
        seqs.filter((seq) => seq > bound).slice(-2),
      );
    }
    // A message without replies has none, and neither has a reply.
    for (const none of [second, replies[0]]) expect(await talk.seqs({ thread: none?.id ?? '' })).toEqual([]);
  });

  it('have tombstones only with `deleted`', async () => {
    const { talk, root, replies } = await newRuns();
    const thread = root.id;
    const seqs = replies.map(({ seq }) => seq);
    const gone = replies.filter((_reply, place) => place % 3 === 0);
    await talk.remove(root, ...gone);
    const left = replies.filter((reply) => !gone.includes(reply)).map(({ seq }) => seq);
    expect(await talk.seqs({ thread })).toEqual(left);
    expect(await talk.seqs({ thread, last: 3 })).toEqual(left.slice(-3));
    expect(await talk.seqs({ thread, deleted: true })).toEqual(seqs);
    expect(await talk.seqs({ thread, deleted: true, last: 3 })).toEqual(seqs.slice(-3));
    const { data } = await talk.ask({ thread, deleted: true, before: (seqs[0] ?? 0) + 1 });
    expect(data).toMatchObject({
      messages: [{ content: '', deletedAt: expect.any(String), threadRoot: { seq: root.seq } }],
    });
  });

  it('are refused for what is no message of the chat, and in a chat that is not yours', async () => {
    const [here, there] = [await newTalk(), await newTalk()];
    const foreign = await there.send();
    await there.hidden(foreign, 1);
    const refusal = async (range: Range, talk = here) =>
      (await talk.ask(range)).errors.map(({ extensions }) => extensions);
    for (const thread of [foreign.id, crypto.randomUUID(), 'x', ''])
      expect(await refusal({ thread })).toEqual([{ code: 'BAD_USER_INPUT', field: 'thread' }]);
    await services.memberships.remove(null, there.chat.id, ann.id);
    expect(await refusal({ thread: foreign.id }, there)).toEqual([{ code: 'NOT_FOUND' }]);
  });
});

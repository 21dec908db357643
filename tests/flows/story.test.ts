import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StreamRefused } from '../support/frame-queue.js';
import { startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';

type Team = Awaited<ReturnType<typeof startTeam>>;

interface Person {
  id: string;
  username: string;
  token: string;
}

let team: Team;
let admin: string;
let count = 0;

beforeAll(async () => {
  team = await startTeam();
  admin = await team.signIn('admin');
});

afterAll(() => team.close());

/** Runs an operation that must succeed, and gives its only field. */
async function run<T>(token: string, query: string, variables: object = {}): Promise<T> {
  const { data, codes } = await team.first.query(token, query, variables);
  expect(codes).toEqual([]);
  return Object.values<T>(Object(data))[0] as T;
}

async function newPerson(name: string): Promise<Person> {
  count += 1;
  const username = `${name}${count}`;
  const mutation =
    'mutation ($username: String!, $password: String!) { createUser(username: $username, password: $password) { id } }';
  const { id } = await run<{ id: string }>(admin, mutation, { username, password: PASSWORD });
  return { id, username, token: await team.signIn(username) };
}

/** The admin creates a chat and assigns two people; a third stays outside. */
async function newStory() {
  const [ann, bob, eve] = [await newPerson('ann'), await newPerson('bob'), await newPerson('eve')];
  const name = `Lobby ${count} ✨`;
  const chat = await run<{ id: string; cursor: string }>(
    admin,
    'mutation ($name: String!) { createChat(name: $name) { id cursor } }',
    { name },
  );
  const assign =
    'mutation ($userId: ID!, $chatId: ID!) { assignUserToChat(userId: $userId, chatId: $chatId) { joinedAt } }';
  for (const { id } of [ann, bob]) await run(admin, assign, { userId: id, chatId: chat.id });
  return { ann, bob, eve, chat: { ...chat, name } };
}

/** Ends a sign-in by the revocation endpoint, as a client's logout does. */
async function signOut(token: string): Promise<void> {
  const body = new URLSearchParams({ token, ...team.credentials });
  const response = await fetch(`${team.first.origin}/oauth/revoke_token/`, { method: 'POST', body });
  expect([response.status, await response.text()]).toEqual([200, '']);
}

const SEND =
  'mutation ($chatId: ID!, $content: String!) { sendMessage(chatId: $chatId, content: $content) { content seq } }';
const READ = 'query ($chatId: ID!) { messages(chatId: $chatId) { content sender { username } } }';
const LISTEN =
  'subscription ($chatId: ID!, $after: String) { chatEvents(chatId: $chatId, after: $after) { seq ... on MessageCreated { message { content sender { username } } } } }';

describe('an admin makes a chat, two people talk in it, a stranger and a revoked token get nothing', () => {
  it('over GraphQL on HTTP', async () => {
    const { ann, bob, eve, chat } = await newStory();
    expect(await run(ann.token, SEND, { chatId: chat.id, content: 'Hi Bob' })).toEqual({ content: 'Hi Bob', seq: 3 });
    expect(await run(bob.token, SEND, { chatId: chat.id, content: 'Hi Ann' })).toEqual({ content: 'Hi Ann', seq: 4 });
    const talk = [
      { content: 'Hi Bob', sender: { username: ann.username } },
      { content: 'Hi Ann', sender: { username: bob.username } },
    ];
    expect(await run(ann.token, READ, { chatId: chat.id })).toEqual(talk);
    expect(await run(admin, READ, { chatId: chat.id })).toEqual(talk);

    expect(await run(eve.token, '{ chats { name } }')).toEqual([]);
    expect((await team.first.query(eve.token, READ, { chatId: chat.id })).codes).toEqual(['NOT_FOUND']);
    expect((await team.first.query(eve.token, SEND, { chatId: chat.id, content: 'x' })).codes).toEqual(['NOT_FOUND']);

    await signOut(ann.token);
    expect(await team.first.query(ann.token, READ, { chatId: chat.id })).toMatchObject({
      status: 401,
      codes: ['UNAUTHENTICATED'],
    });
    expect(await run(bob.token, READ, { chatId: chat.id })).toEqual(talk);
  });

  it('over GraphQL subscriptions', async () => {
    const { ann, bob, eve, chat } = await newStory();
    const forAnn = team.first.subscribe(ann.token, LISTEN, { chatId: chat.id, after: chat.cursor });
    const forBob = team.first.subscribe(bob.token, LISTEN, { chatId: chat.id, after: chat.cursor });
    await Promise.all([forAnn.until(2), forBob.until(2)]);
    await run(ann.token, SEND, { chatId: chat.id, content: 'Hi Bob' });
    await run(bob.token, SEND, { chatId: chat.id, content: 'Hi Ann' });
    const talk = [
      { chatEvents: { seq: 1 } },
      { chatEvents: { seq: 2 } },
      { chatEvents: { seq: 3, message: { content: 'Hi Bob', sender: { username: ann.username } } } },
      { chatEvents: { seq: 4, message: { content: 'Hi Ann', sender: { username: bob.username } } } },
    ];
    expect(await forAnn.until(4)).toEqual(talk);
    expect(await forBob.until(4)).toEqual(talk);

    const forEve = team.first.subscribe(eve.token, LISTEN, { chatId: chat.id });
    expect([await forEve.ended, forEve.events]).toEqual(['NOT_FOUND', []]);

    await signOut(ann.token);
    expect(await forAnn.ended).toBe(4403);
    expect(await team.first.subscribe(ann.token, LISTEN, { chatId: chat.id }).ended).toBe(4401);
    await run(bob.token, SEND, { chatId: chat.id, content: 'Ann?' });
    await forBob.until(5);
    expect(forAnn.events).toHaveLength(4);
    forBob.end();
  });

  it('over the raw channel', async () => {
    const { ann, bob, eve, chat } = await newStory();
    const forAnn = await team.first.channel(ann.token, chat.name, { after: chat.cursor });
    const forBob = await team.first.channel(bob.token, chat.name.toUpperCase(), { after: chat.cursor });
    await Promise.all([forAnn.next('live'), forBob.next('live')]);
    forAnn.send({ type: 'message.send', id: 'a1', content: 'Hi Bob', nonce: 'n1' });
    expect(await forAnn.next('ack')).toMatchObject({ id: 'a1', message: { seq: 3, nonce: 'n1' } });
    forBob.send({ message: 'Hi Ann' });
    const heard = await forBob.take(2, 'message.created');
    expect(heard).toMatchObject([
      {
        seq: 3,
        cursor: expect.stringMatching(/:3$/),
        actor: { username: ann.username },
        message: { content: 'Hi Bob' },
      },
      { seq: 4, actor: { username: bob.username }, message: { content: 'Hi Ann' } },
    ]);
    expect(heard[0]?.message).not.toHaveProperty('nonce');

    const refused = await team.first.channel(eve.token, chat.name).catch((error: unknown) => error);
    const unknown = await team.first.channel(eve.token, 'no such chat').catch((error: unknown) => error);
    for (const error of [refused, unknown]) expect(error).toBeInstanceOf(StreamRefused);
    expect(refused).toMatchObject({ status: 404 });
    expect(refused).toEqual(unknown);

    await signOut(ann.token);
    expect(await forAnn.next('closing')).toEqual({ type: 'closing', code: 4403, reason: 'token_revoked' });
    expect(await forAnn.closed).toEqual({ code: 4403, reason: 'token_revoked' });
    await expect(team.first.channel(ann.token, chat.name)).rejects.toMatchObject({ status: 401 });
    await forBob.close();
  });

  it('over all three at once, in one order', async () => {
    const { ann, bob, chat } = await newStory();
    const channel = await team.first.channel(ann.token, chat.name);
    const subscription = team.first.subscribe(bob.token, LISTEN, { chatId: chat.id, after: chat.cursor });
    await Promise.all([channel.next('live'), subscription.until(2)]);
    for (let index = 0; index < 20; index += 1) {
      channel.send({ type: 'message.send', id: `c${index}`, content: `raw ${index}` });
      await run(bob.token, SEND, { chatId: chat.id, content: `http ${index}` });
    }
    const raw = await channel.take(40, 'message.created');
    const events = (await subscription.until(42)).slice(2);
    const history = await run<{ content: string }[]>(ann.token, READ, { chatId: chat.id });
    const contents = history.map(({ content }) => content);
    expect(raw.map((frame) => Reflect.get(Object(frame.message), 'content'))).toEqual(contents);
    expect(events.map((event) => Object(event).chatEvents.message.content)).toEqual(contents);
    await channel.close();
    subscription.end();
  });
});

describe('the log of all this', () => {
  it('holds no token, no password and no message', () => {
    const text = team.first.log.join('');
    expect(text).toContain('/oauth/token/');
    for (const secret of [PASSWORD, 'Hi Bob', 'cat_', team.credentials.client_secret])
      expect(text).not.toContain(secret);
  });
});

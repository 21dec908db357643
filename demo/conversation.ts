// Two people in a chat: ann on GraphQL alone, bob on the raw channel alone. Everything goes over the public API.
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, type Person, request, signIn } from './api.js';
import { type Chat, type Listening, openRawChannel, subscribe } from './listeners.js';

export interface DemoOptions {
  origin: string;
  client: Client;
  admin: Person;
  print(line: string): void;
  /** How long a message may take to arrive, in milliseconds. */
  timeoutMs: number;
}

/** Resolves when both people have heard of every change in order. @throws Error naming one that did not arrive */
export async function converse({ origin, client, admin, print, timeoutMs }: DemoOptions): Promise<void> {
  const [ann, bob] = [newPerson('ann'), newPerson('bob')];
  print('The admin creates ann, bob and a chat.');
  const chat = await createChat(origin, await signIn(origin, client, admin), [ann, bob]);

  print('Ann listens with a GraphQL subscription, bob on the raw channel.');
  const [annsToken, bobsToken] = [await signIn(origin, client, ann), await signIn(origin, client, bob)];
  const subscription = subscribe({ origin, token: annsToken, chat, after: chat.cursor });
  const channel = await openRawChannel({ origin, token: bobsToken, chat, after: chat.cursor });

  async function receive(name: string, { changes }: Listening, text: string): Promise<string> {
    const timeout = delay(timeoutMs, undefined, { ref: false });
    const next = await Promise.race([changes.next(), timeout]);
    if (!next) throw new Error(`This did not reach ${name} within ${timeoutMs / 1000} s: ${text}`);
    if (next.done) throw new Error(`The stream of ${name} ended before this came: ${text}`);
    const { seq, messageId, text: received } = next.value;
    if (received !== text) throw new Error(`${name} received "${received}" instead of: ${text}`);
    print(`  → ${name}: #${seq} ${received}`);
    return messageId;
  }

  /** Does something, and waits until both have heard of it. Resolves to the id of the message. */
  async function act(how: string, heard: string, does: () => unknown): Promise<string> {
    print(`\n${how}`);
    const [, id] = await Promise.all([
      does(),
      receive('ann (subscription)', subscription, heard),
      receive('bob (raw channel)', channel, heard),
    ]);
    return id;
  }

  const annSays = (content: string) =>
    act(`ann sends a mutation: ${content}`, `ann: ${content}`, () => sendMessage(origin, annsToken, chat.id, content));
  const bobSays = (content: string) =>
    act(`bob sends a frame: ${content}`, `bob: ${content}`, () => channel.send(content));
  try {
    await annSays('Hello bob, can you read me?');
    await bobSays('I can. You ask over GraphQL, I answer with a frame.');
    const id = await annSays('And both of us see the same numbers.');
    await bobSays('Every message once, in one order.');
    const better = 'And both of us see the same numbers, of every change.';
    await act(`ann edits her message: ${better}`, `ann (edited): ${better}`, () =>
      editMessage(origin, annsToken, chat.id, id, better),
    );
    await act('bob reacts to it with a frame: 👍', '👍 1', () => channel.react(id, '👍'));
    await act('ann deletes it', 'ann: (deleted)', () => deleteMessage(origin, annsToken, chat.id, id));
  } finally {
    subscription.close();
    channel.close();
  }
  print('\nEvery change reached both, in order.');
}

function newPerson(username: string): Person {
  return { username, password: crypto.randomUUID() };
}

/** Creates a chat with these members. `cursor` is where they start to listen. */
async function createChat(origin: string, token: string, people: Person[]): Promise<Chat & { cursor: string }> {
  const { createChat: chat } = await request<{ createChat: { id: string } }>(
    origin,
    token,
    'mutation { createChat(name: "the demo") { id } }',
  );
  for (const { username, password } of people) {
    const { createUser: user } = await request<{ createUser: { id: string } }>(
      origin,
      token,
      'mutation ($username: String!, $password: String!) { createUser(username: $username, password: $password) { id } }',
      { username, password },
    );
    await request(
      origin,
      token,
      'mutation ($userId: ID!, $chatId: ID!) { assignUserToChat(userId: $userId, chatId: $chatId) { joinedAt } }',
      { userId: user.id, chatId: chat.id },
    );
  }
  const query = 'query ($id: ID!) { chat(id: $id) { id name cursor } }';
  return (await request<{ chat: Chat & { cursor: string } }>(origin, token, query, { id: chat.id })).chat;
}

async function sendMessage(origin: string, token: string, chatId: string, content: string): Promise<void> {
  await request(
    origin,
    token,
    'mutation ($chatId: ID!, $content: String!) { sendMessage(chatId: $chatId, content: $content) { seq } }',
    { chatId, content },
  );
}

async function editMessage(origin: string, token: string, chatId: string, id: string, content: string): Promise<void> {
  await request(
    origin,
    token,
    `mutation ($chatId: ID!, $id: ID!, $content: String!) {
      editMessage(chatId: $chatId, messageId: $id, content: $content) { revision } }`,
    { chatId, id, content },
  );
}

async function deleteMessage(origin: string, token: string, chatId: string, id: string): Promise<void> {
  await request(
    origin,
    token,
    'mutation ($chatId: ID!, $id: ID!) { deleteMessage(chatId: $chatId, messageId: $id) { deletedAt } }',
    { chatId, id },
  );
}

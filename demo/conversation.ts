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

/** Resolves when both people have received every message in order. @throws Error naming a message that did not arrive */
export async function converse({ origin, client, admin, print, timeoutMs }: DemoOptions): Promise<void> {
  const [ann, bob] = [newPerson('ann'), newPerson('bob')];
  print('The admin creates ann, bob and a chat.');
  const chat = await createChat(origin, await signIn(origin, client, admin), [ann, bob]);

  print('Ann listens with a GraphQL subscription, bob on the raw channel.');
  const [annsToken, bobsToken] = [await signIn(origin, client, ann), await signIn(origin, client, bob)];
  const subscription = subscribe({ origin, token: annsToken, chat, after: chat.cursor });
  const channel = await openRawChannel({ origin, token: bobsToken, chat, after: chat.cursor });

  async function receive(name: string, { messages }: Listening, content: string): Promise<void> {
    const timeout = delay(timeoutMs, undefined, { ref: false });
    const next = await Promise.race([messages.next(), timeout]);
    if (!next) throw new Error(`This did not reach ${name} within ${timeoutMs / 1000} s: ${content}`);
    if (next.done) throw new Error(`The stream of ${name} ended before this came: ${content}`);
    const { seq, sender, content: received } = next.value;
    if (received !== content) throw new Error(`${name} received "${received}" instead of: ${content}`);
    print(`  → ${name}: #${seq} ${sender.username}: ${received}`);
  }

  async function say(how: string, content: string, send: (content: string) => unknown): Promise<void> {
    print(`\n${how}: ${content}`);
    await Promise.all([
      send(content),
      receive('ann (subscription)', subscription, content),
      receive('bob (raw channel)', channel, content),
    ]);
  }

  const annSays = (content: string) =>
    say('ann sends a mutation', content, () => sendMessage(origin, annsToken, chat.id, content));
  const bobSays = (content: string) => say('bob sends a frame', content, channel.send);
  try {
    await annSays('Hello bob, can you read me?');
    await bobSays('I can. You ask over GraphQL, I answer with a frame.');
    await annSays('And both of us see the same numbers.');
    await bobSays('Every message once, in one order.');
  } finally {
    subscription.close();
    channel.close();
  }
  print('\nEverything that was sent arrived at both, in order.');
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

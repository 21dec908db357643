// Two people in a chat, by the client library: ann over server-sent events and HTTP, bob over a WebSocket.
import { setTimeout as delay } from 'node:timers/promises';
import WebSocket from 'ws';
import {
  type ChatClient,
  createChatClient,
  type Room,
  sseTransport,
  type Transport,
  webSocketTransport,
} from '../clients/typescript/src/client.js';
import { type Client, type Person, signIn } from './api.js';
import { type Change, changeOf } from './changes.js';

export interface DemoOptions {
  origin: string;
  client: Client;
  admin: Person;
  print(line: string): void;
  /** How long a message may take to arrive, in milliseconds. */
  timeoutMs: number;
}

/** One person's client, and what they hear in the chat. */
interface Participant {
  name: string;
  room: Room;
  changes: AsyncGenerator<Change>;
}

/** Resolves when both people have heard of every change in order. @throws Error naming one that did not arrive */
export async function converse({ origin, client, admin, print, timeoutMs }: DemoOptions): Promise<void> {
  const clients: ChatClient[] = [];
  const connect = (person: Person, transport: Transport = sseTransport()) => {
    const chat = createChatClient({ url: origin, token: () => signIn(origin, client, person), transport });
    clients.push(chat);
    return chat;
  };

  async function receive({ name, changes }: Participant, text: string): Promise<string> {
    const timeout = delay(timeoutMs, undefined, { ref: false });
    const next = await Promise.race([changes.next(), timeout]);
    if (!next) throw new Error(`This did not reach ${name} within ${timeoutMs / 1000} s: ${text}`);
    if (next.done) throw new Error(`The stream of ${name} ended before this came: ${text}`);
    const { seq, messageId, text: received } = next.value;
    if (received !== text) throw new Error(`${name} received "${received}" instead of: ${text}`);
    print(`  → ${name}: #${seq} ${received}`);
    return messageId;
  }

  try {
    const people = [newPerson('ann'), newPerson('bob')] as const;
    print('The admin creates ann, bob and a chat.');
    const { id: chatId, cursor } = await createChat(connect(admin), people);

    print('Ann listens to server-sent events, bob on a WebSocket.');
    const [annsClient, bobsClient] = [connect(people[0]), connect(people[1], webSocketTransport(WebSocket))];
    const ann = participant('ann (event stream)', annsClient.room(chatId), cursor);
    const bob = participant('bob (WebSocket)', bobsClient.room(chatId), cursor);
    for (const { room } of [ann, bob]) await room.ready();

    /** Does something, and waits until both have heard of it. Resolves to the id of the message. */
    const act = async (how: string, heard: string, does: () => Promise<unknown>): Promise<string> => {
      print(`\n${how}`);
      const [, id] = await Promise.all([does(), receive(ann, heard), receive(bob, heard)]);
      return id;
    };
    const says = (who: 'ann' | 'bob', { room }: Participant, content: string) =>
      act(`${who} sends: ${content}`, `${who}: ${content}`, () => room.send(content));

    await says('ann', ann, 'Hello bob, can you read me?');
    await says('bob', bob, 'I can. You send over HTTP, I answer with a frame.');
    const id = await says('ann', ann, 'And both of us see the same numbers.');
    await says('bob', bob, 'Every message once, in one order.');
    const better = 'And both of us see the same numbers, of every change.';
    await act(`ann edits her message: ${better}`, `ann (edited): ${better}`, () => ann.room.edit(id, better));
    await act('bob reacts to it: 👍', '👍 1', () => bob.room.react(id, '👍'));
    await act('ann deletes it', 'ann: (deleted)', () => ann.room.delete(id));
  } finally {
    for (const chat of clients) chat.close();
  }
  print('\nEvery change reached both, in order.');
}

/** @param after the cursor to start at: messages may be sent before the listener is connected */
function participant(name: string, room: Room, after: string): Participant {
  return { name, room, changes: changesIn(room, after) };
}

async function* changesIn(room: Room, after: string): AsyncGenerator<Change> {
  for await (const event of room.events({ after })) {
    const change = changeOf(event);
    if (change) yield change;
  }
}

function newPerson(username: string): Person {
  return { username, password: crypto.randomUUID() };
}

/** Creates a chat with these members. `cursor` is where they start to listen. */
async function createChat(admin: ChatClient, people: readonly Person[]): Promise<{ id: string; cursor: string }> {
  const { createChat: chat } = await admin.request<{ createChat: { id: string } }>(
    'mutation { createChat(name: "the demo") { id } }',
  );
  for (const { username, password } of people) {
    const { createUser: user } = await admin.request<{ createUser: { id: string } }>(
      'mutation ($username: String!, $password: String!) { createUser(username: $username, password: $password) { id } }',
      { username, password },
    );
    await admin.request(
      'mutation ($userId: ID!, $chatId: ID!) { assignUserToChat(userId: $userId, chatId: $chatId) { joinedAt } }',
      { userId: user.id, chatId: chat.id },
    );
  }
  const query = 'query ($id: ID!) { chat(id: $id) { id cursor } }';
  return (await admin.request<{ chat: { id: string; cursor: string } }>(query, { id: chat.id })).chat;
}

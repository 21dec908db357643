import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { InboxState, Message, RoomState, Schema } from '../../clients/typescript/src/client.js';
import { openPins, type PinsView } from '../../clients/typescript/src/pins.js';
import { openReceipts, type ReceiptsView } from '../../clients/typescript/src/receipts.js';
import { openThread, type ThreadView } from '../../clients/typescript/src/threads.js';
import { DomainError } from '../../src/domain/errors.js';
import { assertProperty } from '../support/property.js';
import { PASSWORD } from '../support/services.js';
import { waitUntil } from '../support/wait-until.js';
import { type Chat, type ClientTeam, type Person, startClientTeam, TRANSPORTS } from './client-team.js';

let team: ClientTeam;
let ann: Person;
let others: Person[];

beforeAll(async () => {
  team = await startClientTeam();
  ann = await team.newPerson('ann');
  others = [await team.newPerson(), await team.newPerson()];
});
afterEach(() => team.closeClients());
afterAll(() => team.close());

type ChatState = Schema.ChatState;

/** What somebody does next; numbers choose among what is there. */
interface Step {
  what:
    | 'send'
    | 'reply'
    | 'edit'
    | 'delete'
    | 'react'
    | 'pin'
    | 'read'
    | 'answer'
    | 'read thread'
    | 'follow'
    | 'mention'
    | 'leave'
    | 'return'
    | 'role'
    | 'hide'
    | 'settings'
    | 'cut'
    | 'stall';
  chat: number;
  person: number;
  message: number;
}

const step = fc.record<Step>({
  what: fc.constantFrom(
    ...(['send', 'send', 'send', 'reply', 'edit', 'delete', 'react', 'pin', 'read', 'mention'] as const),
    ...(['answer', 'answer', 'read thread', 'follow'] as const),
    ...(['leave', 'return', 'role', 'hide', 'settings', 'cut', 'cut', 'stall'] as const),
  ),
  chat: fc.nat(1),
  person: fc.nat(2),
  message: fc.nat(5),
});

const MESSAGE = `id seq content createdAt sender { id username } nonce revision editedAt deletedAt replyTo { id seq }
  mentions { id username } mentionsAll metadata reactions { emoji count mine } pinnedAt pinnedBy { id username }`;
const REPLIES = `replies: thread { count: replyCount lastReply { id seq createdAt sender { id username } }
    viewer { following readSeq unread unreadCapped mentions } }`;
const SETTINGS = 'id name kind visibility topic postingRole slowSeconds invites archivedAt metadata createdAt';
const STATE = 'role readSeq notify hidden mutedUntil unread { messages capped mentions threads firstSeq }';

interface ShownChat {
  id: string;
  cursor: string;
  viewerCan: string[];
  viewer: ChatState | null;
  members: { user: Person; role: string }[];
  lastMessage: { id: string } | null;
  pins: { id: string }[];
}

interface ReadMessage {
  seq: number;
  sender: Person;
  threadRoot: object | null;
  readBy: { id: string }[];
}

/** What the database has for ann, asked of the service without the library. */
async function databaseOf(token: string, chatId: string, rootId: string) {
  const { data } = await team.first.query(
    token,
    `query ($id: ID!, $rootId: ID!) {
      chat(id: $id) {
        ${SETTINGS} cursor viewerCan viewer { ${STATE} } members { user { id username } role } lastMessage { id } pins { ${MESSAGE} }
      }
      messages(chatId: $id, last: 100, deleted: true) { ${MESSAGE} ${REPLIES} }
      root: message(chatId: $id, id: $rootId) { ${MESSAGE} ${REPLIES} }
      thread: messages(chatId: $id, thread: $rootId, last: 100, deleted: true) { ${MESSAGE} }
      read: messages(chatId: $id, last: 20) { seq sender { id } threadRoot { id } readBy { id } }
    }`,
    { id: chatId, rootId },
  );
  return data as {
    chat: ShownChat | null;
    messages: { id: string }[];
    root: { id: string } | null;
    thread: { id: string }[];
    read: ReadMessage[];
  } | null;
}

const byId = <Value extends { user: Person }>(members: readonly Value[]) =>
  [...members].sort((one, other) => (one.user.id < other.user.id ? -1 : 1));

it.each(TRANSPORTS)(
  'what a client over %s shows is what the database has, after any history with any cuts',
  async (_name, transport) => {
    const token = await team.signIn(ann.username);
    await assertProperty(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        const chats = [await team.newChat(ann, ...others), await team.newChat(ann, ...others)];
        const client = team.client(ann, { transport: transport(), random: () => 0 });
        const rooms = chats.map((chat) => client.room(chat.id));
        const inbox = client.inbox();
        await Promise.all([inbox.ready(), ...rooms.map((room) => room.ready())]);
        const roots = await Promise.all(rooms.map(async (room) => (await room.send('root')).id));
        const parts = rooms.map((room, index) => ({
          thread: openThread(room, roots[index] ?? ''),
          pins: openPins(room),
          receipts: openReceipts(room),
        }));
        for (const part of parts.flatMap((part) => Object.values(part))) part.subscribe(() => {});
        await runAll(steps, chats, roots);
        team.proxy.heal();
        for (const [index, { id }] of chats.entries()) {
          const [room, part] = [rooms[index], parts[index]];
          if (!room || !part) throw new Error('There is a room for each chat.');
          // Read each time: reactions that come together are an event a moment later. Fails with the difference.
          const stored = () => databaseOf(token, id, part.thread.rootId);
          await waitUntil('The thread shows what the database has', 20_000, async () =>
            compareThread(part.thread.get(), await stored()),
          );
          await waitUntil('The pins are those of the database', 20_000, async () =>
            comparePins(part.pins.get(), await stored()),
          );
          await waitUntil('The receipts are those of the database', 20_000, async () =>
            compareReceipts(part.receipts.get(), await stored()),
          );
          await waitUntil('The room shows what the database has', 20_000, async () =>
            compareRoom(room.get(), await stored()),
          );
          await waitUntil('The inbox shows what the database has', 20_000, async () =>
            compareInbox(inbox.get(), id, await stored()),
          );
        }
        client.close();
      }),
      { numRuns: 6, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
    );
  },
  120_000,
);

/** What is refused, as the chat is archived, say, changes nothing. */
async function unlessRefused(change: Promise<unknown>): Promise<void> {
  await change.catch((error: unknown) => {
    if (!(error instanceof DomainError)) throw error;
  });
}

/** Does the steps, some at once, as people do. */
async function runAll(steps: readonly Step[], chats: readonly Chat[], roots: readonly string[]): Promise<void> {
  const people = [ann, ...others];
  const tokens = await Promise.all(people.map(({ username }) => team.signIn(username)));
  const admin = await team.signIn('admin', { password: PASSWORD });
  const { memberships } = team.first.app.services;
  for (const { what, chat, person, message: choice } of steps) {
    const [{ id: chatId } = { id: '' }, token = '', { id: userId } = ann] = [
      chats[chat],
      tokens[person],
      people[person],
    ];
    if (what === 'cut') team.proxy.cut();
    if (what === 'stall') {
      team.proxy.stall('to client');
      continue;
    }
    if (what === 'leave') await unlessRefused(memberships.remove(null, chatId, userId));
    if (what === 'return') await unlessRefused(memberships.add(null, chatId, userId));
    if (what === 'role')
      await unlessRefused(memberships.setRole(null, chatId, userId, choice % 2 === 0 ? 'moderator' : 'member'));
    const mutate = (field: string) => team.first.query(token, `mutation { ${field} }`);
    const { data } = await team.first.query(admin, `{ messages(chatId: "${chatId}", last: 6) { id seq } }`);
    const { messages } = data as { messages: { id: string; seq: number }[] };
    const target = messages[choice % Math.max(1, messages.length)];
    const of = `chatId: "${chatId}"`;
    // What is refused, to one who has left, say, changes nothing.
    if (what === 'send') await mutate(`sendMessage(${of}, content: "message ${choice}") { id }`);
    if (what === 'mention') await mutate(`sendMessage(${of}, content: "you", mentions: ["${ann.id}"]) { id }`);
    if (what === 'settings') {
      const archived = choice === 5;
      const change =
        choice < 4
          ? `updateChat(id: "${chatId}", topic: "topic ${choice}", postingRole: ${choice === 3 ? 'moderator' : 'member'}) { id }`
          : `archiveChat(id: "${chatId}", archived: ${archived}) { id }`;
      await team.first.query(admin, `mutation { ${change} }`);
    }
    const root = roots[chat];
    if (what === 'answer') await mutate(`sendMessage(${of}, content: "answer", thread: "${root}") { id }`);
    if (what === 'follow')
      await team.first.query(
        tokens[0] ?? '',
        `mutation { followThread(${of}, messageId: "${root}", follow: ${choice % 2 === 0}) { cursor } }`,
      );
    if (what === 'read thread')
      await team.first.query(
        tokens[0] ?? '',
        `mutation { markRead(${of}, thread: "${root}", seq: ${target?.seq ?? 0}) { readSeq } }`,
      );
    if (what === 'hide')
      await team.first.query(
        tokens[0] ?? '',
        `mutation { setChatPreferences(${of}, hidden: ${choice % 2 === 0}) { hidden } }`,
      );
    if (!target) continue;
    const on = `${of}, messageId: "${target.id}"`;
    if (what === 'reply')
      await mutate(
        `sendMessage(${of}, content: "reply", thread: "${target.id}", alsoInChat: ${choice % 2 === 0}) { id }`,
      );
    if (what === 'edit') await mutate(`editMessage(${on}, content: "edited ${choice}") { id }`);
    if (what === 'delete') await mutate(`deleteMessage(${on}) { id }`);
    if (what === 'react')
      await mutate(`${choice % 2 === 0 ? 'addReaction' : 'removeReaction'}(${on}, emoji: "👍") { id }`);
    if (what === 'pin') await mutate(`${choice % 2 === 0 ? 'pinMessage' : 'unpinMessage'}(${on}) { id }`);
    if (what === 'read') await mutate(`markRead(${of}, seq: ${target.seq}) { readSeq }`);
    if (choice === 5) team.proxy.heal();
  }
}

type Stored = Awaited<ReturnType<typeof databaseOf>>;

function compareRoom(state: RoomState, database: Stored): boolean {
  if (!database?.chat) return state.status === 'left';
  const { cursor, members, viewerCan, viewer, lastMessage: _last, pins: _pins, ...settings } = database.chat;
  expect(state.chat).toEqual(settings);
  expect(state.cursor).toBe(cursor);
  expect(state.messages.map(withoutThread)).toEqual(database.messages);
  expect(byId(state.members).map(({ user, role }) => ({ user, role }))).toEqual(byId(members));
  expect(state.viewerCan).toEqual(viewerCan);
  expect({ ...state.viewer, unread: viewer?.unread }).toEqual(viewer);
  return true;
}

const withoutThread = ({ thread, ...message }: Message) => message;
const ofPart = ({ thread, replies, ...message }: Message) => message;

function compareThread(state: ThreadView, database: Stored): boolean {
  if (!database?.chat) return state.status === 'left';
  expect(state.root && withoutThread(state.root)).toEqual(database.root);
  expect(state.messages.map(ofPart)).toEqual(database.thread);
  return state.status === 'ready';
}

function comparePins(state: PinsView, database: Stored): boolean {
  if (!database?.chat) return state.status === 'left';
  expect(state.messages.map(ofPart)).toEqual(database.chat.pins);
  return state.status === 'ready';
}

/** Up to which of the newest messages of others each member has read, as far as the messages of since they joined say it. */
function compareReceipts(state: ReceiptsView, database: Stored): boolean {
  if (!database?.chat) return state.status === 'left';
  for (const { user } of database.chat.members) {
    // Replies are read with their threads too, which says nothing of the main timeline.
    const others = database.read.filter(({ sender, threadRoot }) => sender.id !== user.id && !threadRoot);
    const stored = others.findLast(({ readBy }) => readBy.some(({ id }) => id === user.id))?.seq;
    const shown = others.findLast(({ seq }) => seq <= (state.reads?.[user.id] ?? 0))?.seq;
    if (stored !== undefined) expect(shown).toBe(stored);
  }
  return state.status === 'ready';
}

function compareInbox(state: InboxState, chatId: string, database: Stored): boolean {
  const item = state.items.find(({ chat }) => chat.id === chatId);
  const chat = database?.chat;
  if (!chat?.viewer || chat.viewer.hidden) return item === undefined;
  expect(item).toMatchObject({ cursor: chat.cursor, state: chat.viewer });
  const {
    cursor: _,
    members: _members,
    viewerCan: _can,
    viewer: _viewer,
    lastMessage,
    pins: _pins,
    ...settings
  } = chat;
  expect(item?.chat).toEqual(settings);
  expect(item?.lastMessage?.id).toBe(lastMessage?.id);
  return true;
}

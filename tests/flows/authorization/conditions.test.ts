import { type Client, createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { CHAT_ROLES, type ChatRole } from '../../../src/domain/chat-role.js';
import { CHAT_ACTIONS, type ChatAction } from '../../../src/domain/chats/rights.js';
import type { UserRole } from '../../../src/domain/profile.js';
import { RawSocket } from '../../support/raw-socket.js';
import { startTeam } from '../../support/service.js';

/** An admin is a member of the chat, or, from outside, none. */
type Standing = ChatRole | 'admin' | 'admin from outside' | 'outsider';
const STANDINGS: readonly Standing[] = ['outsider', ...CHAT_ROLES, 'admin', 'admin from outside'];
const isAdmin = (standing: Standing) => standing === 'admin' || standing === 'admin from outside';
const EDGES = ['HTTP', 'socket', 'raw channel', 'raw inbox'] as const;
type Edge = (typeof EDGES)[number];

/** What is set in the chat, and of the user's membership: $1 is the chat, $2 the user. */
const CONDITIONS = {
  none: [],
  muted: ["UPDATE chat_memberships SET muted_until = now() + interval '1 hour' WHERE chat_id = $1 AND user_id = $2"],
  banned: [
    'UPDATE chat_memberships SET left_at = now() WHERE chat_id = $1 AND user_id = $2',
    'INSERT INTO chat_bans (chat_id, user_id) SELECT id, $2 FROM chats WHERE id = $1',
  ],
  archived: ['UPDATE chats SET archived_at = now() WHERE id = $1 AND $2::uuid IS NOT NULL'],
  deleted: ['UPDATE chats SET deleted_at = now(), name_key = NULL WHERE id = $1 AND $2::uuid IS NOT NULL'],
  'members invite': ["UPDATE chats SET invites = 'members' WHERE id = $1 AND $2::uuid IS NOT NULL"],
  'many members': ['UPDATE chats SET member_count = 100000 WHERE id = $1 AND $2::uuid IS NOT NULL'],
  'posting role': ["UPDATE chats SET posting_role = 'moderator' WHERE id = $1 AND $2::uuid IS NOT NULL"],
  'slow mode': [
    'UPDATE chats SET slow_seconds = 3600 WHERE id = $1 AND $2::uuid IS NOT NULL',
    'UPDATE chat_memberships SET last_sent_at = now() WHERE chat_id = $1 AND user_id = $2',
  ],
};
type Condition = keyof typeof CONDITIONS;

/** Who and what there is to act upon. */
interface Cell {
  chat: string;
  userId: string;
  token: string;
  /** Messages of the user, and of another. */
  own: string[];
  others: string;
  /** A reader, and somebody who is no member. */
  reader: string;
  removed: string;
  stranger: string;
  /** Another who is no member. */
  guest: string;
  isArchived: boolean;
}

/** Where a condition is about one action alone. */
const ABOUT: Partial<Record<Condition, ChatAction>> = { 'members invite': 'invite', 'many members': 'mentionAll' };

let calls = 0;
const next = () => {
  calls += 1;
  return calls;
};
const unique = () => `text ${next()}`;

interface Act {
  query?: (cell: Cell) => string;
  mutation?: (cell: Cell) => string;
  /** The same as a frame, where the raw channels have it. */
  frame?: (cell: Cell) => Record<string, unknown>;
}

/** What each action is over the edges. Nothing can be uploaded yet. */
const ACTS: Record<Exclude<ChatAction, 'upload'>, Act> = {
  read: { query: ({ chat }) => `messages(chatId: "${chat}") { id }` },
  report: {
    mutation: ({ chat, others }) => `reportMessage(chatId: "${chat}", messageId: "${others}", reason: spam) { id }`,
  },
  leave: { mutation: ({ chat }) => `leaveChat(id: "${chat}")` },
  invite: { mutation: ({ chat, guest }) => `inviteToChat(chatId: "${chat}", userId: "${guest}") { id }` },
  readReports: { query: ({ chat }) => `reports(chatId: "${chat}") { id }` },
  deleteChat: { mutation: ({ chat }) => `deleteChat(id: "${chat}")` },
  markRead: {
    mutation: ({ chat }) => `markRead(chatId: "${chat}", seq: 1) { readSeq }`,
    frame: () => ({ type: 'read', seq: 1 }),
  },
  react: {
    mutation: ({ chat, others }) => `addReaction(chatId: "${chat}", messageId: "${others}", emoji: "👍") { id }`,
    frame: ({ others }) => ({ type: 'reaction.add', messageId: others, emoji: '👍' }),
  },
  send: {
    mutation: ({ chat }) => `sendMessage(chatId: "${chat}", content: "${unique()}") { id }`,
    frame: () => ({ type: 'message.send', content: unique() }),
  },
  reply: {
    mutation: ({ chat, others }) =>
      `sendMessage(chatId: "${chat}", content: "${unique()}", thread: "${others}") { id }`,
    frame: ({ others }) => ({ type: 'message.send', content: unique(), thread: others }),
  },
  type: { mutation: ({ chat }) => `setTyping(chatId: "${chat}")` },
  edit: {
    mutation: ({ chat, own }) =>
      `editMessage(chatId: "${chat}", messageId: "${own[0]}", content: "${unique()}") { id }`,
    frame: ({ own }) => ({ type: 'message.edit', messageId: own[0], content: unique() }),
  },
  delete: {
    mutation: ({ chat, own }) => `deleteMessage(chatId: "${chat}", messageId: "${own.pop()}") { id }`,
    frame: ({ own }) => ({ type: 'message.delete', messageId: own.pop() }),
  },
  pin: {
    mutation: ({ chat, others }) => `pinMessage(chatId: "${chat}", messageId: "${others}") { id }`,
    frame: ({ others }) => ({ type: 'pin', messageId: others }),
  },
  mentionAll: {
    mutation: ({ chat }) => `sendMessage(chatId: "${chat}", content: "${unique()}", mentionAll: true) { id }`,
    frame: () => ({ type: 'message.send', content: unique(), mentionAll: true }),
  },
  remove: { mutation: ({ chat, removed }) => `removeUserFromChat(chatId: "${chat}", userId: "${removed}")` },
  mute: { mutation: ({ chat, reader }) => `muteMember(chatId: "${chat}", userId: "${reader}") { mutedUntil }` },
  ban: { mutation: ({ chat, stranger }) => `banUser(chatId: "${chat}", userId: "${stranger}", reason: "${unique()}")` },
  roles: {
    mutation: ({ chat, reader }) => `setMemberRole(chatId: "${chat}", userId: "${reader}", role: reader) { role }`,
  },
  rename: { mutation: ({ chat }) => `updateChat(id: "${chat}", name: "${unique()} of ${chat}") { id }` },
  settings: { mutation: ({ chat }) => `updateChat(id: "${chat}", topic: "${unique()}") { id }` },
  archive: { mutation: ({ chat, isArchived }) => `archiveChat(id: "${chat}", archived: ${isArchived}) { id }` },
  slowMode: { mutation: ({ chat }) => `updateChat(id: "${chat}", slowSeconds: ${3600 + next()}) { id }` },
};
const ACTED = CHAT_ACTIONS.flatMap((action) => (action === 'upload' || action === 'slowMode' ? [] : [action]));

let team: Awaited<ReturnType<typeof startTeam>>;
let adminToken: string;
beforeAll(async () => {
  team = await startTeam();
  adminToken = await team.signIn('admin');
});
afterAll(() => team.close());

async function newCell(standing: Standing, condition: Condition): Promise<Cell> {
  const { services, db } = team.first.app;
  const newUser = async (role: UserRole = 'user') => {
    const id = crypto.randomUUID();
    return (await db.prisma.user.create({ data: { id, username: id, role } })).id;
  };
  const chat = (await services.chats.create(`chat ${crypto.randomUUID()}`)).id;
  const [userId, other] = [await newUser(isAdmin(standing) ? 'admin' : 'user'), await newUser()];
  const [reader, removed, stranger, guest] = [await newUser(), await newUser(), await newUser(), await newUser()];
  for (const id of [userId, other, reader, removed]) await services.memberships.add(null, chat, id);
  await services.memberships.setRole(null, chat, other, 'owner');
  for (const id of [reader, removed]) await services.memberships.setRole(null, chat, id, 'reader');
  const issued = await services.tokens.issue({
    ...{ clientId: team.credentials.client_id, userId, scopes: ['read', 'write'], withRefreshToken: false },
  });
  const viewer = issued && (await services.tokens.authenticate(issued.accessToken));
  if (!viewer) throw new Error('No token was issued.');
  const others = await services.tokens.issue({
    ...{ clientId: team.credentials.client_id, userId: other, scopes: ['write'], withRefreshToken: false },
  });
  const otherViewer = others && (await services.tokens.authenticate(others.accessToken));
  if (!otherViewer) throw new Error('No token was issued.');
  const send = async (by: typeof viewer) => (await services.messages.send(by, { chatId: chat, content: 'hi' })).id;
  const own = [];
  for (let count = 0; count < EDGES.length + 1; count += 1) own.push(await send(viewer));
  const message = await send(otherViewer);
  if (standing === 'outsider' || standing === 'admin from outside')
    await services.memberships.remove(null, chat, userId);
  else if (standing !== 'admin') await services.memberships.setRole(null, chat, userId, standing);
  for (const statement of CONDITIONS[condition]) await db.pool.query(statement, [chat, userId]);
  const isArchived = condition === 'archived';
  return {
    chat,
    userId,
    token: issued.accessToken,
    own,
    others: message,
    reader,
    removed,
    stranger,
    guest,
    isArchived,
  };
}

const NO_CHAT = 'NOT_FOUND';

/** `ok`, or the rule of the refusal, or `NOT_FOUND` for what looks like no chat. */
function outcomeOf(error: Readonly<Record<string, unknown>> | undefined): string {
  if (!error) return 'ok';
  return error.code === NO_CHAT ? NO_CHAT : String(error.rule);
}

/** What happens where this is the rule that refuses. An admin reads every group chat, and is told of what takes a membership. */
function outcomeOfRule(rule: string, standing: Standing): string {
  if (rule === 'chat.deleted') return NO_CHAT;
  return rule === 'chat.not_member' && !isAdmin(standing) ? NO_CHAT : rule;
}

/** Acts over each edge, through connections that stay open. */
class Actor {
  private client: Client | undefined;
  private raw: Promise<RawSocket | undefined> | undefined;
  private inbox: Promise<RawSocket> | undefined;

  constructor(private readonly cell: Cell) {}

  async act(action: ChatAction, edge: Edge): Promise<string | undefined> {
    const { cell } = this;
    if (action === 'upload') throw new Error('There is no act for upload.');
    const { query: read, mutation, frame }: Act = ACTS[action];
    if (edge === 'raw channel') return frame && this.overRaw(frame(cell));
    if (edge === 'raw inbox') return frame && this.overInbox({ ...frame(cell), chatId: cell.chat });
    const query = read ? `{ ${read(cell)} }` : `mutation { ${mutation?.(cell)} }`;
    if (edge === 'socket') return this.overSocket(query);
    const answer = await fetch(`${team.first.origin}/graphql/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${cell.token}` },
      body: JSON.stringify({ query }),
    });
    const { errors = [] }: { errors?: { extensions: Record<string, unknown> }[] } = JSON.parse(await answer.text());
    return outcomeOf(errors[0]?.extensions);
  }

  async close(): Promise<void> {
    await this.client?.dispose();
    await (await this.raw)?.close();
    await (await this.inbox)?.close();
  }

  private async overSocket(query: string): Promise<string> {
    this.client ??= createClient({
      ...{ url: `${team.first.wsOrigin}/graphql/`, webSocketImpl: WebSocket, retryAttempts: 0 },
      connectionParams: { authorization: `Bearer ${this.cell.token}` },
    });
    const { value } = await this.client.iterate({ query }).next();
    return outcomeOf(value?.errors?.[0]?.extensions);
  }

  /** A channel that is refused is of what looks like no chat. */
  private async overRaw(frame: Record<string, unknown>): Promise<string> {
    this.raw ??= team.first.channel(this.cell.token, this.cell.chat).catch(() => undefined);
    const channel = await this.raw;
    return channel ? this.answerOf(channel, frame) : NO_CHAT;
  }

  private async overInbox(frame: Record<string, unknown>): Promise<string> {
    const headers = { authorization: `Bearer ${this.cell.token}` };
    this.inbox ??= RawSocket.open(`${team.first.wsOrigin}/ws/inbox/`, { headers });
    return this.answerOf(await this.inbox, frame);
  }

  private async answerOf(channel: RawSocket, frame: Record<string, unknown>): Promise<string> {
    const id = unique();
    channel.send({ id, ack: true, ...frame });
    for (;;) {
      const answer = await channel.next();
      if (answer.id === id) return outcomeOf(answer.type === 'error' ? answer : undefined);
    }
  }
}

async function ask<Data>(token: string, query: string): Promise<Data> {
  const { data, codes } = await team.first.query(token, query);
  expect(codes).toEqual([]);
  return data as Data;
}

async function explain({ chat, userId }: Cell, action: ChatAction, token: string): Promise<string> {
  const { explainAccess } = await ask<{ explainAccess: { allowed: boolean; rule: string | null } }>(
    token,
    `{ explainAccess(chatId: "${chat}", userId: "${userId}", action: ${action}) { allowed rule } }`,
  );
  expect(explainAccess.allowed).toBe(explainAccess.rule === null);
  return explainAccess.rule ?? 'ok';
}

/** The user's part in the chat is over behind it, so each edge needs a chat of its own. */
const isLast = (action: ChatAction) => action === 'leave' || action === 'deleteChat';

describe.each(Object.keys(CONDITIONS) as Condition[])(
  'what happens, explainAccess and viewerCan agree: %s',
  (condition) => {
    it.each(STANDINGS)('%s', { timeout: 60_000 }, async (standing) => {
      const cell = await newCell(standing, condition);
      const happens = async (action: ChatAction, rule: string, actor: Actor, edges: readonly Edge[] = EDGES) => {
        for (const edge of edges) {
          const happened = await actor.act(action, edge);
          const expected = outcomeOfRule(rule, standing);
          if (happened !== undefined) expect(happened, `${action} over ${edge}`).toBe(expected);
        }
      };
      const { chat } = await ask<{ chat: { viewerCan: string[] } | null }>(
        cell.token,
        `{ chat(id: "${cell.chat}") { viewerCan } }`,
      );
      const actor = new Actor(cell);
      // Slow mode last: it is a condition itself.
      const about = ABOUT[condition];
      for (const action of about ? [about] : [...ACTED, 'slowMode' as const]) {
        const expected = await explain(cell, action, adminToken);
        expect(await explain(cell, action, cell.token), action).toBe(expected);
        expect(chat?.viewerCan.includes(action) ?? false, `viewerCan ${action}`).toBe(expected === 'ok');
        if (!isLast(action)) await happens(action, expected, actor);
        else if (expected !== 'ok') await happens(action, expected, actor, ['HTTP', 'socket']);
        else
          for (const edge of ['HTTP', 'socket'] as const) {
            const other = new Actor(await newCell(standing, condition));
            await happens(action, expected, other, [edge]);
            await other.close();
          }
      }
      await actor.close();
    });
  },
);

it('the rules of a member: each condition refuses what it should', async () => {
  const refused = async (condition: Condition) => {
    const cell = await newCell('member', condition);
    const refusals: Record<string, ChatAction[]> = {};
    for (const action of CHAT_ACTIONS) {
      const rule = await explain(cell, action, cell.token);
      refusals[rule] = [...(refusals[rule] ?? []), action];
    }
    return refusals;
  };
  const takesRole = ['invite', 'pin', 'remove', 'mute', 'ban', 'slowMode', 'readReports'];
  const roles = [...takesRole, 'roles', 'rename', 'settings', 'archive', 'deleteChat'];
  expect(await refused('muted')).toEqual({
    ok: ['read', 'markRead', 'report', 'leave'],
    'member.muted': ['react', 'send', 'reply', 'upload', 'type', 'edit', 'delete', 'mentionAll'],
    'chat.role': roles,
  });
  expect(await refused('posting role')).toEqual({
    ok: ['read', 'markRead', 'report', 'leave', 'react', 'delete'],
    'chat.posting_role': ['send', 'reply', 'upload', 'type', 'edit', 'mentionAll'],
    'chat.role': roles,
  });
  expect(await refused('slow mode')).toEqual({
    ok: ['read', 'markRead', 'report', 'leave', 'react', 'upload', 'type', 'edit', 'delete'],
    'chat.slow_mode': ['send', 'reply', 'mentionAll'],
    'chat.role': roles,
  });
  expect(await refused('banned')).toEqual({ 'chat.not_member': [...CHAT_ACTIONS] });
  const owner = await newCell('owner', 'archived');
  const allowed = [];
  for (const action of CHAT_ACTIONS) if ((await explain(owner, action, owner.token)) === 'ok') allowed.push(action);
  expect(allowed).toEqual(['read', 'markRead', 'report', 'leave', 'remove', 'ban', 'readReports', 'archive']);
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHAT_ROLES, type ChatRole } from '../../../src/domain/chat-role.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { type GraphqlApp, startGraphqlApp } from '../../support/graphql-app.js';
import { startOwnServices } from '../../support/services.js';

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

type Standing = ChatRole | 'admin' | 'outsider';
const STANDINGS: readonly Standing[] = ['outsider', ...CHAT_ROLES, 'admin'];

/** A user who stands like this in the chat: a member with this role, or an admin or a stranger who is no member. */
async function userIn(chatId: string, standing: Standing): Promise<UserProfile> {
  const user = await services.newUser(standing === 'admin' ? 'admin' : 'user');
  if (standing === 'admin' || standing === 'outsider') return user;
  await services.memberships.add(null, chatId, user.id);
  await services.memberships.setRole(null, chatId, user.id, standing);
  return user;
}

async function newChat() {
  const chat = await services.newChat();
  // So that nobody else is the last owner.
  await userIn(chat.id, 'owner');
  return chat;
}

/** `ok`, or the code of the error with the rule and the role that it needs. */
async function outcome(user: UserProfile, query: string, variables: object): Promise<string> {
  const { errors } = await app.run(query, variables, { token: await app.newToken(user) });
  const [error] = errors;
  if (!error) return 'ok';
  const { code, rule, needs } = error.extensions;
  return [code, rule, needs].filter((part) => part !== undefined).join(' ');
}

const SEND = 'mutation ($chat: ID!) { sendMessage(chatId: $chat, content: "hi") { id } }';
const REMOVE = 'mutation ($chat: ID!, $user: ID!) { removeUserFromChat(chatId: $chat, userId: $user) }';
const SET_ROLE =
  'mutation ($chat: ID!, $user: ID!, $role: ChatRole!) { setMemberRole(chatId: $chat, userId: $user, role: $role) { role } }';
const VIEWER_CAN = 'query ($chat: ID!) { chat(id: $chat) { viewerCan } }';

const NEEDS = (role: ChatRole) => `FORBIDDEN chat.role ${role}`;

const READER_CAN = ['read', 'markRead', 'report', 'leave'];
const WRITES = ['react', 'send', 'reply', 'upload', 'type'];
const MODERATES = ['edit', 'delete', 'pin', 'mentionAll', 'remove', 'mute', 'ban', 'slowMode', 'readReports'];
const OWNS = ['roles', 'rename', 'settings', 'archive'];
const MEMBER_CAN = [...READER_CAN, ...WRITES, 'edit', 'delete'];
const MODERATOR_CAN = [...READER_CAN, ...WRITES, 'invite', ...MODERATES];

describe('what a role may do', () => {
  const may: Record<Standing, { send: string; remove: string; roles: string; viewerCan: string[] | undefined }> = {
    outsider: { send: 'NOT_FOUND', remove: 'NOT_FOUND', roles: 'NOT_FOUND', viewerCan: undefined },
    reader: { send: NEEDS('member'), remove: NEEDS('moderator'), roles: NEEDS('owner'), viewerCan: READER_CAN },
    member: { send: 'ok', remove: NEEDS('moderator'), roles: NEEDS('owner'), viewerCan: MEMBER_CAN },
    moderator: { send: 'ok', remove: 'ok', roles: NEEDS('owner'), viewerCan: MODERATOR_CAN },
    owner: { send: 'ok', remove: 'ok', roles: 'ok', viewerCan: [...MODERATOR_CAN, ...OWNS] },
    admin: {
      ...{ send: 'ok', remove: 'ok', roles: 'ok' },
      // Who is no member has no markers, and nothing to leave.
      viewerCan: ['read', 'report', ...WRITES, 'invite', ...MODERATES, ...OWNS, 'deleteChat'],
    },
  };

  it.each(STANDINGS)('%s', async (standing) => {
    const chat = await newChat();
    const user = await userIn(chat.id, standing);
    const [removed, promoted] = [await userIn(chat.id, 'reader'), await userIn(chat.id, 'reader')];
    const { data } = await app.run(VIEWER_CAN, { chat: chat.id }, { token: await app.newToken(user) });
    const answer = data as { chat: { viewerCan: string[] } | null };
    expect({
      send: await outcome(user, SEND, { chat: chat.id }),
      remove: await outcome(user, REMOVE, { chat: chat.id, user: removed.id }),
      roles: await outcome(user, SET_ROLE, { chat: chat.id, user: promoted.id, role: 'member' }),
      viewerCan: answer.chat?.viewerCan,
    }).toEqual(may[standing]);
  });

  it('is no more than what the token allows', async () => {
    const chat = await newChat();
    const token = await app.newToken(await userIn(chat.id, 'owner'), ['read']);
    expect((await app.run(VIEWER_CAN, { chat: chat.id }, { token })).data).toEqual({
      chat: { viewerCan: ['read', 'readReports'] },
    });
  });

  it('is read for many chats in one statement', async () => {
    const user = await services.newUser();
    for (let count = 0; count < 5; count += 1) await services.newChat(user);
    const { data } = await app.run('{ chats { viewerCan } }', {}, { token: await app.newToken(user) });
    expect(data).toEqual({ chats: Array(5).fill({ viewerCan: MEMBER_CAN }) });
  });
});

describe('removing a member', () => {
  const ofOwner = 'FORBIDDEN chat.role';
  it.each([
    ['moderator', { reader: 'ok', member: 'ok', moderator: NEEDS('owner'), owner: ofOwner }],
    ['owner', { reader: 'ok', member: 'ok', moderator: 'ok', owner: ofOwner }],
    ['admin', { reader: 'ok', member: 'ok', moderator: 'ok', owner: 'ok' }],
  ] as const)('takes a higher role than the member has: %s', async (standing, expected) => {
    const chat = await newChat();
    const user = await userIn(chat.id, standing);
    for (const role of CHAT_ROLES) {
      const target = await userIn(chat.id, role);
      expect([role, await outcome(user, REMOVE, { chat: chat.id, user: target.id })]).toEqual([role, expected[role]]);
    }
  });

  it('of an admin takes an admin, and nobody is lower than themselves', async () => {
    const chat = await newChat();
    const admin = await services.newUser('admin');
    await services.memberships.add(null, chat.id, admin.id);
    const [owner, moderator] = [await userIn(chat.id, 'owner'), await userIn(chat.id, 'moderator')];
    expect(await outcome(owner, REMOVE, { chat: chat.id, user: admin.id })).toBe(ofOwner);
    expect(await outcome(moderator, REMOVE, { chat: chat.id, user: moderator.id })).toBe(NEEDS('owner'));
    expect(await outcome(admin, REMOVE, { chat: chat.id, user: admin.id })).toBe('ok');
  });
});

describe('the last owner of a chat', () => {
  it('can neither be removed nor be lowered, by an admin neither; another owner may be made first', async () => {
    const chat = await services.newChat();
    const admin = await services.newUser('admin');
    const owner = await userIn(chat.id, 'owner');
    const lower = { chat: chat.id, user: owner.id, role: 'member' };
    const last = 'CONFLICT chat.last_owner';
    expect([
      await outcome(owner, SET_ROLE, lower),
      await outcome(admin, SET_ROLE, lower),
      await outcome(admin, REMOVE, { chat: chat.id, user: owner.id }),
    ]).toEqual([last, last, last]);
    const second = await userIn(chat.id, 'member');
    expect(await outcome(owner, SET_ROLE, { chat: chat.id, user: second.id, role: 'owner' })).toBe('ok');
    expect(await outcome(owner, SET_ROLE, lower)).toBe('ok');
    expect(await outcome(owner, SET_ROLE, { ...lower, role: 'owner' })).toBe(NEEDS('owner'));
  });

  it('is the last one who is active', async () => {
    const chat = await services.newChat();
    const [owner, other] = [await userIn(chat.id, 'owner'), await userIn(chat.id, 'owner')];
    await services.users.update(other.id, { isActive: false });
    const lower = { chat: chat.id, user: owner.id, role: 'member' };
    expect(await outcome(owner, SET_ROLE, lower)).toBe('CONFLICT chat.last_owner');
  });

  it('stays, whoever of two steps down at the same time', async () => {
    const chat = await services.newChat();
    const owners = [await userIn(chat.id, 'owner'), await userIn(chat.id, 'owner')];
    const outcomes = await Promise.all(
      owners.map((owner) => outcome(owner, SET_ROLE, { chat: chat.id, user: owner.id, role: 'member' })),
    );
    expect(outcomes.sort()).toEqual(['CONFLICT chat.last_owner', 'ok']);
  });
});

describe('a change of a role', () => {
  it('is an event of the chat, and a repetition is none', async () => {
    const chat = await newChat();
    const [owner, member] = [await userIn(chat.id, 'owner'), await userIn(chat.id, 'member')];
    const token = await app.newToken(member);
    const before = (await services.chatLog.heads([chat.id]))[0]?.seq ?? 0;
    const events = app
      .connect(token)
      .iterate({ query: EVENTS, variables: { chat: chat.id, after: `${chat.epoch}:${before}` } });
    const set = { chat: chat.id, user: member.id, role: 'moderator' };
    expect(await outcome(owner, SET_ROLE, set)).toBe('ok');
    expect(await outcome(owner, SET_ROLE, set)).toBe('ok');
    const updated = {
      __typename: 'MemberUpdated',
      seq: before + 1,
      actor: { id: owner.id },
      member: { role: 'moderator', user: { id: member.id } },
    };
    expect((await events.next()).value?.data).toEqual({ chatEvents: updated });
    await events.return?.();
    const page = await app.run(PAGE, { chat: chat.id, after: `${chat.epoch}:${before}` }, { token });
    expect(page.data).toEqual({ chatEvents: { events: [updated] } });
    expect((await services.chatLog.heads([chat.id]))[0]?.seq).toBe(before + 1);
  });

  it('does not outlive leaving upwards: who comes back is a member at most', async () => {
    const chat = await newChat();
    const [moderator, reader] = [await userIn(chat.id, 'moderator'), await userIn(chat.id, 'reader')];
    const roles: string[] = [];
    for (const { id } of [moderator, reader]) {
      await services.memberships.remove(null, chat.id, id);
      roles.push((await services.memberships.add(null, chat.id, id)).role);
    }
    expect(roles).toEqual(['member', 'reader']);
  });
});

const EVENT = '__typename seq actor { id } ... on MemberUpdated { member { role user { id } } }';
const EVENTS = `subscription ($chat: ID!, $after: String) { chatEvents(chatId: $chat, after: $after) { ${EVENT} } }`;
const PAGE = `query ($chat: ID!, $after: String!) { chatEvents(chatId: $chat, after: $after) { events { ${EVENT} } } }`;

import { assertObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { schema } from '../../src/graphql/schema/schema.js';
import { type GraphqlApp, startGraphqlApp } from '../support/graphql-app.js';
import { PASSWORD, startOwnServices, viewerOf } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: GraphqlApp;
let chat: { id: string; name: string; epoch: string };
let member: UserProfile;
/** A message of the member that has a reply in a thread, and one that gets deleted. */
let message: { id: string };
let doomed: { id: string };
let stranger: UserProfile;
let admin: UserProfile;
let friend: UserProfile;
let robot: UserProfile;

const CALLERS = [
  'anonymous',
  'client',
  'stranger',
  'member',
  'admin',
  'memberReads',
  'memberWrites',
  'adminReads',
] as const;
type Caller = (typeof CALLERS)[number];
let tokens: Record<Caller, string | undefined>;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startGraphqlApp(services);
  [member, stranger, admin] = [await services.newUser(), await services.newUser(), await services.newUser('admin')];
  friend = await services.newUser();
  robot = { ...(await services.newUser()), kind: 'bot' };
  await services.db.prisma.user.update({ where: { id: robot.id }, data: { kind: 'bot' } });
  chat = await services.newChat(member, robot);
  const send = (more: object) => services.messages.send(viewerOf(member), { chatId: chat.id, content: 'hi', ...more });
  message = await send({ nonce: 'n' });
  await send({ thread: message.id });
  doomed = await send({});
  tokens = {
    anonymous: undefined,
    client: await app.newToken(null),
    stranger: await app.newToken(stranger),
    member: await app.newToken(member),
    admin: await app.newToken(admin),
    memberReads: await app.newToken(member, ['read']),
    memberWrites: await app.newToken(member, ['write']),
    adminReads: await app.newToken(admin, ['read']),
  };
});

afterAll(async () => {
  await app.close();
  await services.close();
});

/** Each caller's answer: `ok`, `null` (allowed to ask, nothing there for them), or the code of the error. */
type Answers = Record<Caller, 'ok' | 'null' | 'UNAUTHENTICATED' | 'FORBIDDEN' | 'NOT_FOUND' | 'BAD_USER_INPUT'>;

const NOBODY = { anonymous: 'UNAUTHENTICATED', client: 'FORBIDDEN' } as const;

const readsOfUsers: Answers = {
  ...NOBODY,
  stranger: 'ok',
  member: 'ok',
  admin: 'ok',
  memberReads: 'ok',
  memberWrites: 'FORBIDDEN',
  adminReads: 'ok',
};
const readsOfMembers: Answers = { ...readsOfUsers, stranger: 'NOT_FOUND' };
const readsOfAdmins: Answers = {
  ...readsOfUsers,
  stranger: 'FORBIDDEN',
  member: 'FORBIDDEN',
  memberReads: 'FORBIDDEN',
};
const writesOfAdmins: Answers = {
  ...NOBODY,
  stranger: 'FORBIDDEN',
  member: 'FORBIDDEN',
  admin: 'ok',
  memberReads: 'FORBIDDEN',
  memberWrites: 'FORBIDDEN',
  adminReads: 'FORBIDDEN',
};
const writesOfUsers: Answers = { ...writesOfAdmins, stranger: 'ok', member: 'ok', memberWrites: 'ok' };
const writesOfMembers: Answers = { ...writesOfUsers, stranger: 'NOT_FOUND' };
const writesOfModerators: Answers = { ...writesOfAdmins, stranger: 'NOT_FOUND' };

const writesToNoChat: Answers = {
  ...writesOfUsers,
  stranger: 'NOT_FOUND',
  member: 'NOT_FOUND',
  admin: 'NOT_FOUND',
  memberWrites: 'NOT_FOUND',
};

interface Operation {
  query: () => string;
  answers: Answers;
}

const unique = () => crypto.randomUUID().slice(0, 8);
const onMessage = (name: string, { id }: { id: string }, more = '') =>
  `mutation { ${name}(chatId: "${chat.id}", messageId: "${id}"${more}) { id } }`;
const OPERATIONS: Record<string, Operation> = {
  users: { query: () => '{ users { id } }', answers: readsOfAdmins },
  reports: {
    query: () => `{ reports(chatId: "${chat.id}") { id } }`,
    answers: { ...readsOfAdmins, stranger: 'NOT_FOUND' },
  },
  reportMessage: {
    query: () =>
      `mutation { reportMessage(chatId: "${chat.id}", messageId: "${crypto.randomUUID()}", reason: spam) { id } }`,
    answers: { ...writesOfMembers, member: 'NOT_FOUND', admin: 'NOT_FOUND', memberWrites: 'NOT_FOUND' },
  },
  resolveReport: {
    query: () => `mutation { resolveReport(id: "${crypto.randomUUID()}", resolution: dismissed) { id } }`,
    answers: {
      ...writesOfUsers,
      stranger: 'NOT_FOUND',
      member: 'NOT_FOUND',
      admin: 'NOT_FOUND',
      memberWrites: 'NOT_FOUND',
    },
  },
  blockedUsers: { query: () => '{ blockedUsers { id } }', answers: readsOfUsers },
  blockUser: { query: () => `mutation { blockUser(id: "${friend.id}") }`, answers: writesOfUsers },
  unblockUser: { query: () => `mutation { unblockUser(id: "${friend.id}") }`, answers: writesOfUsers },
  invitations: { query: () => '{ invitations { id } }', answers: readsOfUsers },
  inviteLinks: {
    query: () => `{ inviteLinks(chatId: "${chat.id}") { id } }`,
    answers: { ...readsOfAdmins, stranger: 'NOT_FOUND', adminReads: 'FORBIDDEN' },
  },
  inviteToChat: {
    query: () => `mutation { inviteToChat(chatId: "${chat.id}", userId: "${friend.id}") { id } }`,
    answers: writesOfModerators,
  },
  createInviteLink: {
    query: () => `mutation { createInviteLink(chatId: "${chat.id}") { code } }`,
    answers: writesOfModerators,
  },
  acceptInvitation: {
    query: () => `mutation { acceptInvitation(code: "cil_${unique()}") { role } }`,
    answers: {
      ...writesOfUsers,
      stranger: 'NOT_FOUND',
      member: 'NOT_FOUND',
      admin: 'NOT_FOUND',
      memberWrites: 'NOT_FOUND',
    },
  },
  declineInvitation: {
    query: () => `mutation { declineInvitation(id: "${crypto.randomUUID()}") }`,
    answers: {
      ...writesOfUsers,
      stranger: 'NOT_FOUND',
      member: 'NOT_FOUND',
      admin: 'NOT_FOUND',
      memberWrites: 'NOT_FOUND',
    },
  },
  revokeInvitation: {
    query: () => `mutation { revokeInvitation(id: "${crypto.randomUUID()}") }`,
    answers: {
      ...writesOfUsers,
      stranger: 'NOT_FOUND',
      member: 'NOT_FOUND',
      admin: 'NOT_FOUND',
      memberWrites: 'NOT_FOUND',
    },
  },
  auditLog: { query: () => '{ auditLog { entries { seq actor { id } } } }', answers: readsOfAdmins },
  auditHead: { query: () => '{ auditHead { seq hash } }', answers: readsOfAdmins },
  bots: { query: () => '{ bots { id user { id } owner { id } } }', answers: readsOfAdmins },
  incomingHooks: {
    query: () => `{ incomingHooks(chatId: "${chat.id}") { id url } }`,
    answers: { ...readsOfAdmins, stranger: 'NOT_FOUND' },
  },
  chats: { query: () => '{ chats { id } }', answers: readsOfUsers },
  messages: { query: () => `{ messages(chatId: "${chat.id}") { id } }`, answers: readsOfMembers },
  me: { query: () => '{ me { id email } }', answers: readsOfUsers },
  user: { query: () => `{ user(id: "${member.id}") { id } }`, answers: readsOfUsers },
  'chat by id': { query: () => `{ chat(id: "${chat.id}") { id } }`, answers: { ...readsOfUsers, stranger: 'null' } },
  'chat by name': {
    query: () => `{ chat(name: "${chat.name}") { id } }`,
    answers: { ...readsOfUsers, stranger: 'null' },
  },
  chatEvents: {
    query: () => `{ chatEvents(chatId: "${chat.id}", after: "${chat.epoch}:0") { events { seq } } }`,
    answers: readsOfMembers,
  },
  message: {
    query: () => `{ message(chatId: "${chat.id}", id: "${message.id}") { id } }`,
    answers: { ...readsOfUsers, stranger: 'null' },
  },
  threads: { query: () => `{ threads(chatId: "${chat.id}") { replyCount } }`, answers: readsOfMembers },
  publicChats: { query: () => '{ publicChats { id } }', answers: readsOfUsers },
  mentions: { query: () => '{ mentions { id } }', answers: readsOfUsers },
  createChat: { query: () => `mutation { createChat(name: "${unique()}") { id } }`, answers: writesOfAdmins },
  updateChat: {
    query: () => `mutation { updateChat(id: "${chat.id}", topic: "news") { id } }`,
    answers: writesOfModerators,
  },
  archiveChat: {
    query: () => `mutation { archiveChat(id: "${chat.id}", archived: false) { id } }`,
    answers: writesOfModerators,
  },
  joinChat: {
    query: () => `mutation { joinChat(id: "${crypto.randomUUID()}") { role } }`,
    answers: writesToNoChat,
  },
  leaveChat: { query: () => `mutation { leaveChat(id: "${crypto.randomUUID()}") }`, answers: writesToNoChat },
  deleteChat: { query: () => `mutation { deleteChat(id: "${crypto.randomUUID()}") }`, answers: writesToNoChat },
  openDirectChat: {
    query: () => `mutation { openDirectChat(userId: "${friend.id}") { id } }`,
    answers: writesOfUsers,
  },
  assignUserToChat: {
    query: () => `mutation { assignUserToChat(userId: "${member.id}", chatId: "${chat.id}") { joinedAt } }`,
    answers: writesOfAdmins,
  },
  sendMessage: {
    query: () => `mutation { sendMessage(chatId: "${chat.id}", content: "hi") { id } }`,
    answers: writesOfMembers,
  },
  editMessage: {
    query: () => onMessage('editMessage', message, ', content: "hello"'),
    answers: { ...writesOfMembers, admin: 'FORBIDDEN' },
  },
  deleteMessage: { query: () => onMessage('deleteMessage', doomed), answers: writesOfMembers },
  deleteMessages: {
    query: () => `mutation { deleteMessages(chatId: "${chat.id}", messageIds: ["${doomed.id}"]) { id } }`,
    answers: writesOfMembers,
  },
  forgetHistory: { query: () => onMessage('forgetHistory', message), answers: writesOfMembers },
  pinMessage: { query: () => onMessage('pinMessage', message), answers: writesOfModerators },
  unpinMessage: { query: () => onMessage('unpinMessage', message), answers: writesOfModerators },
  addReaction: { query: () => onMessage('addReaction', message, ', emoji: "👍"'), answers: writesOfMembers },
  removeReaction: { query: () => onMessage('removeReaction', message, ', emoji: "👍"'), answers: writesOfMembers },
  followThread: {
    query: () =>
      `mutation { followThread(chatId: "${chat.id}", messageId: "${message.id}", follow: true) { replyCount } }`,
    answers: { ...writesOfMembers, admin: 'FORBIDDEN' },
  },
  markRead: {
    query: () => `mutation { markRead(chatId: "${chat.id}", seq: 1) { readSeq } }`,
    answers: { ...writesOfMembers, admin: 'FORBIDDEN' },
  },
  markUnread: {
    query: () => `mutation { markUnread(chatId: "${chat.id}", fromSeq: 2) { readSeq } }`,
    answers: { ...writesOfMembers, admin: 'FORBIDDEN' },
  },
  markAllRead: {
    query: () => `mutation { markAllRead(chatIds: ["${chat.id}"]) }`,
    answers: { ...writesOfMembers, admin: 'NOT_FOUND' },
  },
  setChatPreferences: {
    query: () => `mutation { setChatPreferences(chatId: "${chat.id}", notify: all) { notify } }`,
    answers: { ...writesOfMembers, admin: 'FORBIDDEN' },
  },
  removeUserFromChat: {
    query: () => `mutation { removeUserFromChat(userId: "${stranger.id}", chatId: "${chat.id}") }`,
    answers: writesOfModerators,
  },
  bans: { query: () => `{ bans(chatId: "${chat.id}") { at } }`, answers: { ...readsOfAdmins, stranger: 'NOT_FOUND' } },
  explainAccess: {
    query: () => `{ explainAccess(chatId: "${chat.id}", userId: "${member.id}", action: send) { allowed } }`,
    answers: readsOfMembers,
  },
  muteMember: {
    query: () => `mutation { muteMember(chatId: "${chat.id}", userId: "${member.id}") { mutedUntil }
      unmuteMember(chatId: "${chat.id}", userId: "${member.id}") { mutedUntil } }`,
    answers: writesOfModerators,
  },
  unmuteMember: {
    query: () => `mutation { unmuteMember(chatId: "${chat.id}", userId: "${member.id}") { joinedAt } }`,
    answers: writesOfModerators,
  },
  banUser: {
    query: () => `mutation { banUser(chatId: "${chat.id}", userId: "${stranger.id}")
      unbanUser(chatId: "${chat.id}", userId: "${stranger.id}") }`,
    answers: writesOfModerators,
  },
  unbanUser: {
    query: () => `mutation { unbanUser(chatId: "${chat.id}", userId: "${stranger.id}") }`,
    answers: writesOfModerators,
  },
  setMemberRole: {
    query: () => `mutation { setMemberRole(chatId: "${chat.id}", userId: "${member.id}", role: member) { role } }`,
    answers: writesOfModerators,
  },
  createUser: {
    query: () => `mutation { createUser(username: "${unique()}", password: "${PASSWORD}") { id } }`,
    answers: writesOfAdmins,
  },
  issueToken: {
    // An application with the grant may, by a token of its own.
    query: () => `mutation { issueToken(user: { id: "${member.id}" }) { expiresAt } }`,
    answers: { ...writesOfAdmins, admin: 'FORBIDDEN' },
  },
  upsertUsers: {
    query: () => `mutation { upsertUsers(users: [{ externalId: "${unique()}" }]) { id } }`,
    answers: writesOfAdmins,
  },
  upsertChats: {
    query: () => `mutation { upsertChats(chats: [{ externalId: "${unique()}", name: "${unique()}" }]) { id } }`,
    answers: writesOfAdmins,
  },
  setChatMembers: {
    query: () => `mutation { setChatMembers(chatId: "${chat.id}", add: [{ userId: "${friend.id}" }]) { role } }`,
    answers: writesOfAdmins,
  },
  createBot: {
    query: () => `mutation { createBot(username: "${unique()}", ownerId: "${friend.id}") { id } }`,
    answers: writesOfAdmins,
  },
  createIncomingHook: {
    query: () => `mutation { createIncomingHook(chatId: "${chat.id}", botId: "${robot.id}") { id url } }`,
    answers: writesOfModerators,
  },
  deleteIncomingHook: {
    query: () => `mutation { deleteIncomingHook(id: "${robot.id}") }`,
    answers: {
      ...writesOfUsers,
      stranger: 'NOT_FOUND',
      member: 'NOT_FOUND',
      admin: 'NOT_FOUND',
      memberWrites: 'NOT_FOUND',
    },
  },
  updateUser: {
    query: () => `mutation { updateUser(id: "${member.id}", lastName: "${unique()}") { id } }`,
    answers: writesOfAdmins,
  },
  changePassword: {
    // The users of this test have no password: who may ask is told that this is not theirs.
    query: () => `mutation { changePassword(currentPassword: "wrong", newPassword: "${PASSWORD}") }`,
    answers: {
      ...writesOfUsers,
      stranger: 'BAD_USER_INPUT',
      member: 'BAD_USER_INPUT',
      memberWrites: 'BAD_USER_INPUT',
      admin: 'BAD_USER_INPUT',
    },
  },
  reauthenticate: {
    // Over HTTP there is nothing to renew.
    query: () => `mutation { reauthenticate(token: "${tokens.member}") }`,
    answers: {
      ...writesOfUsers,
      stranger: 'BAD_USER_INPUT',
      member: 'BAD_USER_INPUT',
      memberWrites: 'BAD_USER_INPUT',
      admin: 'BAD_USER_INPUT',
    },
  },
  presence: { query: () => `{ presence(userIds: ["${member.id}"]) { userId } }`, answers: readsOfUsers },
  inbox: { query: () => '{ inbox { position } }', answers: readsOfUsers },
  setPresence: { query: () => 'mutation { setPresence(status: automatic) { status } }', answers: writesOfUsers },
  setTyping: { query: () => `mutation { setTyping(chatId: "${chat.id}") }`, answers: writesOfMembers },
  createSocketTicket: { query: () => 'mutation { createSocketTicket }', answers: writesOfUsers },
};

describe.each(Object.entries(OPERATIONS))('%s', (_name, { query, answers }) => {
  test.each(CALLERS)('%s', async (caller) => {
    const { status, data, codes } = await app.run(query(), {}, { token: tokens[caller] });
    const values = Object.values(data ?? {});
    const answer = codes.length > 0 ? codes.join() : values.every((value) => value === null) ? 'null' : 'ok';
    expect(answer).toBe(answers[caller]);
    if (codes.length > 0) expect(values.filter((value) => value !== null)).toEqual([]);
    expect(status).toBe(isTooLittle(caller, query()) ? 403 : 200);
  });
});

/** A token that lacks the scope of the whole operation (RFC 6750 §3.1). */
function isTooLittle(caller: Caller, query: string): boolean {
  const isMutation = query.startsWith('mutation');
  return isMutation ? caller.endsWith('Reads') : caller.endsWith('Writes');
}

test('every operation of the schema is in the table', () => {
  const names = Object.keys(OPERATIONS).map((name) => name.split(' ')[0]);
  for (const type of [schema.getQueryType(), schema.getMutationType()])
    expect(names).toEqual(expect.arrayContaining(Object.keys(type?.getFields() ?? {})));
});

describe('what belongs to a chat asks for leave itself, wherever it is reached from', () => {
  test.each([
    ['Chat', () => ({ id: chat.id })],
    ['ChatMembership', () => ({ chatId: chat.id })],
    ['Message', () => ({ chatId: chat.id })],
    ['MessageCreated', () => ({ chatId: chat.id })],
    ['MemberAdded', () => ({ chatId: chat.id })],
    ['MemberRemoved', () => ({ chatId: chat.id })],
  ])('%s', async (name, object) => {
    const type = assertObjectType(schema.getType(name));
    const isReadBy = async (user: UserProfile) => {
      const context = { services, db: services.db, caller: { viewer: viewerOf(user) } };
      return Reflect.apply(type.isTypeOf ?? (() => true), type, [object(), context, {}]);
    };
    expect(await isReadBy(member)).toBe(true);
    expect(await isReadBy(admin)).toBe(true);
    await expect(isReadBy(stranger)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a User wants a user to read it', () => {
    const type = assertObjectType(schema.getType('User'));
    const isReadBy = (user: UserProfile | null) =>
      Reflect.apply(type.isTypeOf ?? (() => true), type, [member, { caller: { viewer: viewerOf(user) } }, {}]);
    expect(isReadBy(stranger)).toBe(true);
    expect(() => isReadBy(null)).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
  });
});

describe('email and isActive', () => {
  const query = `{ me { email isActive } user(id: "ID") { email isActive } }`;
  const read = async (user: UserProfile) =>
    (await app.run(query.replace('ID', member.id), {}, { token: await app.newToken(user) })).data;
  const visible = { email: 'member@example.org', isActive: true };

  beforeAll(() => services.users.update(member.id, { email: visible.email }));

  test('are for the user', async () => expect(await read(member)).toEqual({ me: visible, user: visible }));
  test('are for admins', async () => expect(await read(admin)).toMatchObject({ user: visible }));
  test('are null for others', async () =>
    expect(await read(stranger)).toEqual({
      me: { email: null, isActive: true },
      user: { email: null, isActive: null },
    }));
});

import { require } from './clients/graphql-api.js';
import { signIn } from './clients/sign-in.js';

export interface User {
  id: string;
  name: string;
  token: string;
}

export interface Chat {
  id: string;
  name: string;
  /** Before the first change: the whole history follows. */
  beginning: string;
}

/** Who takes part, and where. Made once over the service's own interfaces, and the same in every round. */
export interface World {
  admin: User;
  chats: Chat[];
  /** Where somebody says something once a second: when the bus loses that, nothing that follows tells of it. */
  quietChat: Chat;
  /** Members of every chat. */
  senders: User[];
  /** Who speaks in the quiet chat. */
  quietSender: User;
  /** Members of every chat, who change messages. */
  changers: User[];
  /** Those of them who are moderators of every chat. */
  moderators: User[];
  /** Members of every chat. */
  listeners: User[];
  /** Members of every chat, of which they are removed during a round, and to which they are added again. */
  guests: User[];
  /** Who has many chats. */
  inboxes: Inboxes;
}

/** Users who are members of the same chats, besides those above; all come and go during a round. */
export interface Inboxes {
  users: User[];
  chats: Chat[];
  /** Of the world's senders, who write there. */
  senders: User[];
}

/** How many inboxes there are. */
export interface InboxesSize {
  users: number;
  chats: number;
}

/** What the first service on the empty database is started with; it makes the first admin and client from it. */
export const FIRST_ACCOUNTS = {
  ADMIN_USERNAME: 'admin',
  ADMIN_PASSWORD: 'correct horse battery',
  OAUTH_CLIENT_ID: 'fault-tests',
  OAUTH_CLIENT_SECRET: 'a secret of these tests',
};

const CHATS = ['kitchen', 'Café Größe', '会議室'];
const QUIET_CHAT = 'library';
const CREATE_USER =
  'mutation ($name: String!, $password: String!) { createUser(username: $name, password: $password) { id } }';
const CREATE_CHAT = 'mutation ($name: String!) { createChat(name: $name) { id cursor } }';
/** Members who are added to chats with one request. */
const AT_ONCE = 20;
/** Users who are made at the same time. */
const USERS_AT_ONCE = 25;
const ASSIGN = 'mutation ($user: ID!, $chat: ID!) { assignUserToChat(userId: $user, chatId: $chat) { joinedAt } }';
const PROMOTE =
  'mutation ($user: ID!, $chat: ID!) { setMemberRole(userId: $user, chatId: $chat, role: moderator) { role } }';

export async function createWorld(origin: string, size: InboxesSize): Promise<World> {
  const admin = await createAdmin(origin);
  const chats = await Promise.all(CHATS.map((name) => createChat(origin, admin, name)));
  const quietChat = await createChat(origin, admin, QUIET_CHAT);
  const named = (name: string, count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => createUser(origin, admin, `${name}-${index}`)));
  const [senders, listeners, guests] = [await named('sender', 8), await named('listener', 6), await named('guest', 6)];
  const quietSender = await createUser(origin, admin, 'quiet');
  const changers = await named('changer', 3);
  const moderators = changers.slice(0, 2);
  const inEveryChat = async (mutation: string, users: readonly User[]) => {
    for (const { id: user } of users)
      for (const { id: chat } of [...chats, quietChat]) await require(origin, admin.token, mutation, { user, chat });
  };
  await inEveryChat(ASSIGN, [...senders, quietSender, ...changers, ...listeners, ...guests]);
  await inEveryChat(PROMOTE, moderators);
  const inboxes = await createInboxes(origin, admin, senders.slice(0, 2), size);
  return { admin, chats, quietChat, senders, quietSender, changers, moderators, listeners, guests, inboxes };
}

async function createInboxes(origin: string, admin: User, senders: User[], size: InboxesSize): Promise<Inboxes> {
  const users: User[] = [];
  for (let made = 0; made < size.users; made = users.length) {
    const count = Math.min(USERS_AT_ONCE, size.users - made);
    const named = Array.from({ length: count }, (_, index) => createUser(origin, admin, `owner-${made + index}`));
    users.push(...(await Promise.all(named)));
  }
  const chats: Chat[] = [];
  for (let index = 0; index < size.chats; index += 1) chats.push(await createChat(origin, admin, `room-${index}`));
  const members = [...senders, ...users];
  for (const chat of chats)
    for (let first = 0; first < members.length; first += AT_ONCE)
      await addMembers(origin, admin, chat, members.slice(first, first + AT_ONCE));
  return { users, chats, senders };
}

async function addMembers(origin: string, admin: User, chat: Chat, users: readonly User[]): Promise<void> {
  const fields = users.map((_, index) => `m${index}: assignUserToChat(userId: $u${index}, chatId: $chat) { joinedAt }`);
  const declared = users.map((_, index) => `$u${index}: ID!`);
  const values = Object.fromEntries(users.map(({ id }, index) => [`u${index}`, id]));
  const document = `mutation ($chat: ID!, ${declared.join(', ')}) { ${fields.join(' ')} }`;
  await require(origin, admin.token, document, { chat: chat.id, ...values });
}

async function createAdmin(origin: string): Promise<User> {
  const { ADMIN_USERNAME: name, ADMIN_PASSWORD: password } = FIRST_ACCOUNTS;
  const token = await tokenOf(origin, name, password);
  const { me } = await require<{ me: { id: string } }>(origin, token, '{ me { id } }');
  return { id: me.id, name, token };
}

async function createUser(origin: string, admin: User, name: string): Promise<User> {
  const password = `the password of ${name}`;
  const variables = { name, password };
  const { createUser } = await require<{ createUser: { id: string } }>(origin, admin.token, CREATE_USER, variables);
  return { id: createUser.id, name, token: await tokenOf(origin, name, password) };
}

async function createChat(origin: string, admin: User, name: string): Promise<Chat> {
  type Answer = { createChat: { id: string; cursor: string } };
  const { createChat } = await require<Answer>(origin, admin.token, CREATE_CHAT, { name });
  return { id: createChat.id, name, beginning: createChat.cursor };
}

function tokenOf(origin: string, username: string, password: string): Promise<string> {
  const { OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET } = FIRST_ACCOUNTS;
  const client = { client_id: OAUTH_CLIENT_ID, client_secret: OAUTH_CLIENT_SECRET };
  return signIn(origin, { username, password, ...client });
}

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ask, require } from '../faults/clients/graphql-api.js';
import { signIn } from '../faults/clients/sign-in.js';
import { CHATS, PEOPLE } from './generators/people.js';

const run = promisify(execFile);
const MANAGE = fileURLToPath(new URL('../../dist/manage.js', import.meta.url));

/** What the service on the empty database is started with. */
export const FIRST_ACCOUNTS = {
  ADMIN_USERNAME: 'keeper',
  ADMIN_PASSWORD: 'correct horse battery',
  OAUTH_CLIENT_ID: 'fuzz-tests',
  OAUTH_CLIENT_SECRET: 'a secret of these tests',
};

/** Where the service is, and how its commands reach its database. */
export interface Place {
  origin: string;
  folder: string;
  environment: Record<string, string>;
}

interface Client {
  id: string;
  secret: string;
}

const CREATE_USER =
  'mutation ($name: String!, $password: String!, $role: UserRole!) { createUser(username: $name, password: $password, role: $role) { id } }';
const CREATE_CHAT = 'mutation ($name: String!) { createChat(name: $name) { id cursor } }';
const SEND = 'mutation ($chat: ID!, $content: String!) { sendMessage(chatId: $chat, content: $content) { seq } }';
const ARCHIVED = 40;

/**
 * The users, chats and clients that inputs speak of, and the values that stand for their placeholders. Inputs change roles,
 * memberships and sign-ins; `repair` puts back what they took away. The admin who repairs is named in no input.
 */
export class World {
  private readonly values = new Map<string, string>();
  private readonly passwords = new Map<string, string>();

  private constructor(
    private origin: string,
    /** Of the admin who looks after the others. */
    private readonly keeper: string,
    private readonly client: Client,
  ) {}

  /** Makes everybody, over the service's own interfaces. */
  static async create(place: Place): Promise<World> {
    const { origin } = place;
    const { ADMIN_USERNAME: username, ADMIN_PASSWORD: password, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET } = FIRST_ACCOUNTS;
    const keeper = await signIn(origin, {
      username,
      password,
      client_id: OAUTH_CLIENT_ID,
      client_secret: OAUTH_CLIENT_SECRET,
    });
    const grants = 'password,refresh_token,client_credentials';
    const client = await createClient(place, ['--name', 'Confidential', '--grants', grants]);
    const shared = await createClient(place, ['--name', 'Public', '--public', '--grants', 'password,refresh_token']);
    const world = new World(origin, keeper, client);
    world.set('client', 'confidential', client.id);
    world.set('secret', 'confidential', client.secret);
    world.set('basic', 'confidential', Buffer.from(`${client.id}:${client.secret}`).toString('base64'));
    world.set('client', 'public', shared.id);
    for (const name of CHATS) await world.createChat(name);
    for (const name of PEOPLE) await world.createUser(name);
    await world.repair();
    const archive = world.value('chat', 'archive');
    for (let index = 0; index < ARCHIVED; index += 1)
      await require(origin, keeper, SEND, { chat: archive, content: `message ${index}` });
    const former = await world.signIn('member');
    await world.revoke(former.access);
    world.set('token', 'former', former.access);
    return world;
  }

  /** The same world behind another process. */
  moveTo(origin: string): void {
    this.origin = origin;
  }

  /** A text with its placeholders filled in. */
  readonly fill = (text: string): string =>
    text.replace(/__([a-z]+)\.([a-z]+)__/g, (whole, kind, name) => this.values.get(`${kind} ${name}`) ?? whole);

  /** What no answer may hold: the passwords. */
  get secrets(): string[] {
    return [...this.passwords.values(), FIRST_ACCOUNTS.ADMIN_PASSWORD];
  }

  /** Roles, activity, memberships, tokens and cursors as they were. Attempts that a limit refuses are made the next time. */
  async repair(): Promise<void> {
    await this.repairUsers();
    await this.repairMemberships();
    for (const name of PEOPLE) if (!(await this.isTokenAlive(name))) await this.signInAnew(name);
    if (!(await this.isTokenAlive('app'))) await this.renewAppToken();
    await this.renewCursors();
    const ticket = await ask<{ createSocketTicket: string }>(
      this.origin,
      this.value('token', 'member'),
      'mutation { createSocketTicket }',
    );
    if (ticket.kind === 'answered') this.set('ticket', 'member', ticket.data.createSocketTicket);
  }

  /**
   * That the service still does what it is for: a member's message arrives, and the numbers of every chat have no hole.
   * Returns what is wrong.
   */
  async examine(): Promise<string[]> {
    await this.repair();
    const wrong: string[] = [];
    const sent = await ask(this.origin, this.value('token', 'member'), SEND, {
      chat: this.value('chat', 'talk'),
      content: 'still here',
    });
    if (sent.kind !== 'answered') wrong.push(`a member's message was ${sent.kind}: ${JSON.stringify(sent)}`);
    for (const name of CHATS) {
      const hole = await this.firstHole(name);
      if (hole !== undefined) wrong.push(`in the chat ${name} the number ${hole} is missing`);
    }
    return wrong;
  }

  private async firstHole(chat: string): Promise<number | undefined> {
    type Page = { chatEvents: { events: { seq: number }[]; cursor: string; hasMore: boolean } };
    const query =
      'query ($chat: ID!, $after: String!) { chatEvents(chatId: $chat, after: $after, limit: 500) { events { seq } cursor hasMore } }';
    let after = this.value('beginning', chat);
    for (let expected = 1; ; ) {
      const { chatEvents: page } = await require<Page>(this.origin, this.keeper, query, {
        chat: this.value('chat', chat),
        after,
      });
      for (const { seq } of page.events) {
        if (seq !== expected) return expected;
        expected += 1;
      }
      if (!page.hasMore) return undefined;
      after = page.cursor;
    }
  }

  private async createChat(name: string): Promise<void> {
    type Answer = { createChat: { id: string; cursor: string } };
    const { createChat } = await require<Answer>(this.origin, this.keeper, CREATE_CHAT, { name });
    this.set('chat', name, createChat.id);
    this.set('beginning', name, createChat.cursor);
  }

  private async createUser(name: string): Promise<void> {
    const password = `the-password-of-${name}`;
    const variables = { name, password, role: roleOf(name) };
    const { createUser } = await require<{ createUser: { id: string } }>(this.origin, this
      .keeper, CREATE_USER, variables);
    this.passwords.set(name, password);
    this.set('user', name, createUser.id);
    this.set('password', name, password);
  }

  private async repairUsers(): Promise<void> {
    type Person = { role: string; isActive: boolean } | null;
    const fields = PEOPLE.map((name) => `${name}: user(id: "${this.value('user', name)}") { role isActive }`);
    const people = await require<Record<string, Person>>(this.origin, this.keeper, `{ ${fields.join(' ')} }`);
    for (const name of PEOPLE) {
      const person = people[name];
      if (person?.isActive && person.role === roleOf(name)) continue;
      const update =
        'mutation ($id: ID!, $role: UserRole!) { updateUser(id: $id, role: $role, isActive: true) { id } }';
      await require(this.origin, this.keeper, update, { id: this.value('user', name), role: roleOf(name) });
    }
  }

  private async repairMemberships(): Promise<void> {
    const fields = ['talk', 'archive'].flatMap((chat) =>
      ['member', 'reader', 'victim'].map(
        (user) =>
          `${chat}_${user}: assignUserToChat(chatId: "${this.value('chat', chat)}", userId: "${this.value('user', user)}") { joinedAt }`,
      ),
    );
    await require(this.origin, this.keeper, `mutation { ${fields.join(' ')} }`);
    for (const user of ['stranger', 'member'])
      await require(this.origin, this
        .keeper, 'mutation ($chat: ID!, $user: ID!) { removeUserFromChat(chatId: $chat, userId: $user) }', {
        chat: this.value('chat', user === 'stranger' ? 'talk' : 'foreign'),
        user: this.value('user', user),
      });
  }

  private async renewCursors(): Promise<void> {
    for (const name of CHATS) {
      type Answer = { chat: { cursor: string } | null };
      const { chat } = await require<Answer>(this.origin, this
        .keeper, 'query ($id: ID!) { chat(id: $id) { cursor } }', {
        id: this.value('chat', name),
      });
      if (chat) this.set('cursor', name, chat.cursor);
    }
  }

  private async isTokenAlive(name: string): Promise<boolean> {
    const token = this.values.get(`token ${name}`);
    if (token === undefined) return false;
    const outcome = await ask(this.origin, token, '{ __typename }');
    return outcome.kind === 'answered';
  }

  private async signInAnew(name: string): Promise<void> {
    const { access, refresh } = await this.signIn(name, name === 'reader' ? 'read' : 'read write');
    this.set('token', name, access);
    this.set('refresh', name, refresh);
  }

  private async signIn(username: string, scope = 'read write'): Promise<{ access: string; refresh: string }> {
    const password = this.passwords.get(username) ?? '';
    return await this.token({ grant_type: 'password', username, password, scope });
  }

  private async renewAppToken(): Promise<void> {
    this.set('token', 'app', (await this.token({ grant_type: 'client_credentials' })).access);
  }

  private async token(parameters: Record<string, string>): Promise<{ access: string; refresh: string }> {
    const body = new URLSearchParams({ ...parameters, client_id: this.client.id, client_secret: this.client.secret });
    const response = await fetch(`${this.origin}/oauth/token/`, { method: 'POST', body });
    const answer: { access_token?: string; refresh_token?: string } = JSON.parse(await response.text());
    if (answer.access_token === undefined && response.status !== 429)
      throw new Error(`A token for ${parameters.username ?? 'the client'} was refused with ${response.status}.`);
    return { access: answer.access_token ?? 'none', refresh: answer.refresh_token ?? 'none' };
  }

  private async revoke(token: string): Promise<void> {
    const body = new URLSearchParams({ token, client_id: this.client.id, client_secret: this.client.secret });
    await fetch(`${this.origin}/oauth/revoke_token/`, { method: 'POST', body });
  }

  private value(kind: string, name: string): string {
    const value = this.values.get(`${kind} ${name}`);
    if (value === undefined) throw new Error(`The world has no ${kind} "${name}".`);
    return value;
  }

  private set(kind: string, name: string, value: string): void {
    this.values.set(`${kind} ${name}`, value);
  }
}

function roleOf(name: string): 'admin' | 'user' {
  return name === 'boss' ? 'admin' : 'user';
}

/** One with a generated secret, which costs no slow hash to check. */
async function createClient({ folder, environment }: Place, options: string[]): Promise<Client> {
  const args = [MANAGE, 'createapplication', ...options, '--scopes', 'read write introspection'];
  const { stdout } = await run(process.execPath, args, {
    cwd: folder,
    env: { PATH: process.env.PATH, ...environment },
  });
  const line = (name: string) => new RegExp(`^${name}: (.+)$`, 'm').exec(stdout)?.[1] ?? '';
  return { id: line('client_id'), secret: line('client_secret') };
}

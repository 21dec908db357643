import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TokenRequest } from '../../../src/domain/access/impersonation.js';
import { USER_CHANGES_LOCK } from '../../../src/domain/people/users.js';
import { toProfile, type UserProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { leastCpu } from '../../support/cpu-time.js';
import { PASSWORD, startOwnServices } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';

/** CPU time of a token, in milliseconds. */
const ISSUE_MS = 10;

let services: Awaited<ReturnType<typeof startOwnServices>>;
/** The tokens of applications: of one whose bot is a user, and of one whose bot is an admin. */
let backend: Viewer;
let powerful: Viewer;
let ann: UserProfile;

/** An application with a bot, and the viewer of the token that it gets by client_credentials. */
async function application(name: string, options: { role?: 'admin'; grants?: string[]; scopes?: string[] } = {}) {
  const serviceUserId = await services.bots.forService(name, options.role);
  const { grants = ['issue_token'], scopes } = options;
  const { client } = await services.clients.create({ name, serviceUserId, grants, scopes });
  return viewerOfClient(client.id, client.userId);
}

async function viewerOfClient(clientId: string, userId: string | null): Promise<Viewer> {
  const issued = await services.tokens.issue({ clientId, userId, scopes: ['read', 'write'], withRefreshToken: false });
  const viewer = issued && (await services.tokens.authenticate(issued.accessToken));
  if (!viewer) throw new Error('No token was issued.');
  return viewer;
}

beforeAll(async () => {
  services = await startOwnServices();
  backend = await application('backend');
  powerful = await application('powerful', { role: 'admin' });
  const made = await services.users.create({ username: 'ann', externalId: 'shop/ann', password: PASSWORD });
  ann = toProfile(made);
  await services.users.create({ username: 'plain', password: PASSWORD });
});
afterAll(() => services.close());

const issue = (request: Partial<TokenRequest> & Pick<TokenRequest, 'user'>, viewer = backend) =>
  services.impersonation.issue(viewer, { expiresIn: 3600, ...request });
const viewerOf = async (accessToken: string) => services.tokens.authenticate(accessToken);
const userOf = (id: string) => services.db.prisma.user.findUniqueOrThrow({ where: { id } });

async function waitingForLocks(): Promise<number> {
  const { rows } = await services.db.pool.query<{ count: number }>(
    `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  return rows[0]?.count ?? 0;
}

describe('a token that an application issues', () => {
  it('is the user’s, by whichever id, for as long as asked, and the application’s', async () => {
    for (const user of [{ id: ann.id.toUpperCase() }, { externalId: 'shop/ann' }, { username: 'ann' }]) {
      const { accessToken, expiresAt, user: shown } = await issue({ user, expiresIn: 60 });
      expect(shown).toEqual(ann);
      const viewer = await viewerOf(accessToken);
      expect(viewer).toMatchObject({ user: ann, clientId: backend.clientId, scopes: new Set(['read', 'write']) });
      expect(viewer?.chats).toBeUndefined();
      expect(viewer?.expiresAt).toEqual(expiresAt);
      const left = expiresAt.getTime() - Date.now();
      expect(left).toBeGreaterThan(50_000);
      expect(left).toBeLessThan(70_000);
    }
  });

  it('takes 10 ms of CPU at most', async () => {
    const ms = await leastCpu(ISSUE_MS, () => issue({ user: { externalId: 'shop/ann' } }));
    expect(ms).toBeLessThan(ISSUE_MS);
  });

  it('cannot be refreshed, and ends with the user', async () => {
    const { accessToken } = await issue({ user: { id: ann.id } });
    const viewer = await viewerOf(accessToken);
    const { rows } = await services.db.pool.query('SELECT 1 FROM refresh_tokens WHERE family_id = $1', [
      viewer?.familyId,
    ]);
    expect(rows).toEqual([]);
    const [user] = [await services.newUser()];
    const token = (await issue({ user: { id: user.id } })).accessToken;
    await services.users.update(user.id, { isActive: false });
    expect(await viewerOf(token)).toBeUndefined();
    await expect(issue({ user: { id: user.id } })).rejects.toMatchObject({ code: 'FORBIDDEN', rule: 'user.inactive' });
  });

  it('has the scopes that are asked for, of those that the application has', async () => {
    const { accessToken } = await issue({ user: { id: ann.id }, scopes: ['read'] });
    expect((await viewerOf(accessToken))?.scopes).toEqual(new Set(['read']));
    const checker = await application('checker', { scopes: ['read', 'introspection'] });
    const all = await issue({ user: { id: ann.id } }, { ...checker, scopes: new Set(['read', 'write']) });
    expect((await viewerOf(all.accessToken))?.scopes).toEqual(new Set(['read']));
    for (const scopes of [['introspection'], ['write'], ['admin'], []])
      await expect(
        issue({ user: { id: ann.id }, scopes }, { ...checker, scopes: new Set(['read', 'write']) }),
      ).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'scopes' });
  });

  it('is narrowed to chats, whether the user is a member or not', async () => {
    const chatId = crypto.randomUUID();
    const { accessToken } = await issue({ user: { id: ann.id }, chats: [chatId.toUpperCase(), chatId] });
    expect((await viewerOf(accessToken))?.chats).toEqual(new Set([chatId]));
    for (const chats of [[], ['nonsense'], [chatId, ''], Array(101).fill(chatId)])
      await expect(issue({ user: { id: ann.id }, chats })).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
        field: 'chats',
      });
  });

  it('ends when its user becomes an admin, if it is narrowed or its application is none', async () => {
    const user = await services.newUser();
    const wide = await issue({ user: { id: user.id } });
    const narrow = await issue({ user: { id: user.id }, chats: [crypto.randomUUID()] });
    const ofAdmin = await issue({ user: { id: user.id } }, powerful);
    const signedIn = await services.newViewer(user);
    await services.users.update(user.id, { role: 'admin' });
    expect(await viewerOf(wide.accessToken)).toBeUndefined();
    expect(await viewerOf(narrow.accessToken)).toBeUndefined();
    expect(await viewerOf(ofAdmin.accessToken)).toMatchObject({ user: { role: 'admin' } });
    expect(await services.tokens.aliveFamilies([signedIn.familyId])).toHaveLength(1);
  });

  it('ends with the application that issued it, and with its bot', async () => {
    const app = await application('leaving');
    const redirectUris = ['http://127.0.0.1/'];
    const page = { name: 'A page', isPublic: true, grants: ['authorization_code'], redirectUris };
    const { client } = await services.clients.create(page);
    const own = await issue({ user: { id: ann.id } }, app);
    const ofPage = await issue({ user: { id: ann.id }, client: client.id }, app);
    const areAlive = () => Promise.all([own, ofPage].map(async (each) => Boolean(await viewerOf(each.accessToken))));
    expect(await areAlive()).toEqual([true, true]);
    const bot = app.user?.id ?? '';
    await services.users.update(bot, { isActive: false });
    expect(await areAlive()).toEqual([false, false]);
    await services.users.update(bot, { isActive: true });
    expect(await areAlive()).toEqual([true, true]);
    expect(await services.tokens.removeClient(app.clientId ?? '')).toBe(true);
    expect(await areAlive()).toEqual([false, false]);
  });

  it('does nothing as an admin once its application’s bot is not active, also when it was let in before', async () => {
    const app = await application('demoted', { role: 'admin' });
    const admin = await services.newUser('admin');
    const { accessToken } = await issue({ user: { id: admin.id }, scopes: ['write'] }, app);
    const viewer = await viewerOf(accessToken);
    if (!viewer) throw new Error('The token is not valid.');
    const chat = await services.newChat(admin);
    await services.userUpserts.upsert(viewer, [{ externalId: 'by a token' }]);
    await services.users.update(app.user?.id ?? '', { isActive: false });
    const acts = [
      () => services.userUpserts.upsert(viewer, [{ externalId: 'by a token', firstName: 'Later' }]),
      () => services.chats.create('By a token', viewer),
      () => services.memberships.add(admin, chat.id, ann.id, viewer),
      () => services.memberSets.set(viewer, chat.id, { add: [{ userId: ann.id }] }),
    ];
    for (const act of acts) await expect(act()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it.each([59, 86_401, 0, -1, 1.5, Number.NaN])('does not live for %d seconds', async (expiresIn) => {
    await expect(issue({ user: { id: ann.id }, expiresIn })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'expiresIn',
    });
  });

  it('belongs to another application that is public or has the same bot', async () => {
    const redirectUris = ['http://127.0.0.1/'];
    const phone = (await services.clients.create({ name: 'Phone', isPublic: true, redirectUris })).client;
    const issued = await issue({ user: { id: ann.id }, client: phone.id });
    expect(await viewerOf(issued.accessToken)).toMatchObject({ clientId: phone.id });
    const serviceUserId = backend.user?.id;
    const twin = (await services.clients.create({ name: 'Twin', serviceUserId })).client;
    expect(await viewerOf((await issue({ user: { id: ann.id }, client: twin.id })).accessToken)).toMatchObject({
      clientId: twin.id,
    });
    await expect(issue({ user: { id: ann.id }, client: powerful.clientId })).rejects.toMatchObject({
      code: 'FORBIDDEN',
      rule: 'token.client',
    });
    await expect(issue({ user: { id: ann.id }, client: 'nobody' })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'client',
    });
  });
});

describe('who issues tokens', () => {
  it('is an application with the grant, by its own token', async () => {
    const request = { user: { id: ann.id }, expiresIn: 3600 };
    const refused = { code: 'FORBIDDEN', rule: 'token.grant' };
    const without = await application('without', { grants: [] });
    await expect(services.impersonation.issue(without, request)).rejects.toMatchObject(refused);
    // A person's token of the same application, and one that it issued.
    const persons = await viewerOfClient(backend.clientId ?? '', ann.id);
    await expect(services.impersonation.issue(persons, request)).rejects.toMatchObject(refused);
    const issued = await viewerOf((await issue({ user: { id: ann.id } })).accessToken);
    if (!issued) throw new Error('No token was issued.');
    await expect(services.impersonation.issue(issued, request)).rejects.toMatchObject(refused);
    // An admin is a person.
    const admin = await services.newViewer(await services.newUser('admin'));
    await expect(services.impersonation.issue(admin, request)).rejects.toMatchObject(refused);
    const reads = { ...backend, scopes: new Set(['read'] as const) };
    await expect(services.impersonation.issue(reads, request)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('needs a bot: the grant is not for an application without', async () => {
    await expect(services.clients.create({ name: 'App', grants: ['issue_token'] })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'grants',
    });
  });

  it('issues none of a bot, and of an admin only as an admin, with scopes and without chats', async () => {
    await expect(issue({ user: { id: powerful.user?.id ?? '' } }, powerful)).rejects.toMatchObject({
      rule: 'user.bot',
    });
    const { id } = await services.newUser('admin');
    const refused = { code: 'FORBIDDEN', rule: 'token.admin' };
    await expect(issue({ user: { id }, scopes: ['read'] })).rejects.toMatchObject(refused);
    await expect(issue({ user: { id } }, powerful)).rejects.toMatchObject(refused);
    const chats = [crypto.randomUUID()];
    await expect(issue({ user: { id }, scopes: ['read'], chats }, powerful)).rejects.toMatchObject(refused);
    const { accessToken } = await issue({ user: { id }, scopes: ['read'] }, powerful);
    expect(await viewerOf(accessToken)).toMatchObject({ user: { id, role: 'admin' } });
  });

  it.each([
    ['user', 'BAD_USER_INPUT', {}],
    ['user', 'BAD_USER_INPUT', { username: 'ann', externalId: 'shop/ann' }],
    ['user', 'NOT_FOUND', { id: crypto.randomUUID() }],
    ['user', 'NOT_FOUND', { id: 'nonsense' }],
    ['user', 'NOT_FOUND', { username: 'nobody\0' }],
    ['user', 'NOT_FOUND', { externalId: 'nobody' }],
    ['user', 'NOT_FOUND', { username: 'nobody', guest: true }],
    ['user', 'BAD_USER_INPUT', { externalId: '' }],
    ['user.profile.externalId', 'BAD_USER_INPUT', { externalId: 'shop/ann', profile: { externalId: 'other' } }],
    ['user.profile.externalId', 'BAD_USER_INPUT', { username: 'ann', profile: { externalId: 'newcomer' } }],
    ['user.profile.externalId', 'BAD_USER_INPUT', { username: 'plain', profile: { firstName: 'A' } }],
    ['user.profile.username', 'BAD_USER_INPUT', { externalId: 'new', profile: { username: 'a b' } }],
    ['user.profile.username', 'CONFLICT', { externalId: 'new', profile: { username: 'ANN' } }],
    ['user.guest', 'CONFLICT', { externalId: 'shop/ann', guest: true }],
    ['user.guest', 'CONFLICT', { externalId: 'shop/ann', guest: true, profile: { firstName: 'A' } }],
  ])('names what is wrong with the user: %s, %s, %j', async (field, code, user) => {
    await expect(issue({ user })).rejects.toMatchObject({ code, field });
  });
});

describe('a user whom a token brings along', () => {
  it('stays as they are when there is no token of them', async () => {
    const others = ['an admin', 'a bot', 'out'].map((externalId) => ({ externalId, email: 'old@x.org' }));
    const owner = await services.newViewer(await services.newUser('admin'));
    const users = await services.userUpserts.upsert(owner, others);
    const [admin, bot, out] = users.map(({ id }) => id);
    const change = (id: string | undefined, data: object) =>
      services.db.prisma.user.update({ where: { id: id ?? '' }, data });
    await change(admin, { role: 'admin' });
    await change(bot, { kind: 'bot' });
    await change(out, { isActive: false });
    const before = await Promise.all(users.map(({ id }) => userOf(id)));
    const profile = { username: 'taken-over', email: 'new@x.org', firstName: 'Eve' };
    for (const [externalId, rule] of Object.entries({
      'an admin': 'token.admin',
      'a bot': 'user.bot',
      out: 'user.inactive',
    }))
      await expect(issue({ user: { externalId, profile } })).rejects.toMatchObject({ code: 'FORBIDDEN', rule });
    expect(await Promise.all(users.map(({ id }) => userOf(id)))).toEqual(before);
  });

  it.runIf(testDatabaseSource().kind === 'postgres')(
    'waits for no other change of users when it changes nothing',
    async () => {
      const user = { externalId: 'shop/same', profile: { username: 'same', firstName: 'Sam' } };
      const first = await issue({ user });
      const client = await services.db.pool.connect();
      try {
        await client.query('BEGIN');
        await client.query('SELECT pg_advisory_xact_lock($1)', [USER_CHANGES_LOCK]);
        expect((await issue({ user })).user).toEqual(first.user);
      } finally {
        await client.query('ROLLBACK');
        client.release();
      }
    },
  );

  it.runIf(testDatabaseSource().kind === 'postgres')(
    'waits without a connection, so that a burst of new users holds up nobody else',
    async () => {
      const client = await services.db.pool.connect();
      let burst: Promise<unknown> | undefined;
      try {
        await client.query('BEGIN');
        await client.query('SELECT pg_advisory_xact_lock($1)', [USER_CHANGES_LOCK]);
        const newcomers = Array.from({ length: 50 }, (_, index) => ({ externalId: `burst/${index}`, profile: {} }));
        burst = Promise.all(newcomers.map((user) => issue({ user })));
        // They have got as far as they can.
        await vi.waitFor(async () => expect(await waitingForLocks()).toBeGreaterThan(0));
        expect(await waitingForLocks()).toBe(1);
      } finally {
        await client.query('ROLLBACK');
        client.release();
      }
      await burst;
    },
  );

  it('fails alone among many that come at once, of several applications, and the others are made once', async () => {
    await services.users.create({ username: 'had-by-another', password: PASSWORD });
    const bad = 11;
    const wanted = Array.from({ length: 24 }, (_, index) => ({
      // Each of the others comes twice.
      externalId: `crowd/${index === bad ? 'bad' : index % 12}`,
      username: index === bad ? 'Had-By-Another' : `crowd-${index % 12}`,
    }));
    const results = await Promise.allSettled(
      wanted.map(({ externalId, username }, index) =>
        issue({ user: { externalId, profile: { username } } }, index < 12 ? backend : powerful),
      ),
    );
    const made: string[] = [];
    for (const [index, result] of results.entries())
      if (result.status === 'fulfilled') made.push(result.value.user.id);
      else {
        expect(index).toBe(bad);
        expect(result.reason).toMatchObject({ code: 'CONFLICT', field: 'user.profile.username' });
      }
    expect(made).toHaveLength(23);
    const { rows } = await services.db.pool.query(
      "SELECT target FROM audit_log WHERE action = 'user.created' AND target = ANY ($1)",
      [made],
    );
    expect(rows.map(({ target }) => target).sort()).toEqual([...new Set(made)].sort());
  });

  it('is made and changed by the profile', async () => {
    const named = { externalId: 'shop/bob' };
    const first = await issue({ user: { ...named, profile: { username: 'bob', firstName: 'Bob', email: 'b@x.org' } } });
    expect(first.user).toMatchObject({ username: 'bob', firstName: 'Bob', kind: 'human', role: 'user' });
    const again = await issue({ user: { username: 'bob', profile: { lastName: 'B' } } });
    expect(again.user).toMatchObject({ id: first.user.id, firstName: 'Bob', lastName: 'B' });
    expect(await userOf(first.user.id)).toMatchObject({ email: 'b@x.org', externalId: 'shop/bob' });
  });

  it('is a guest as long as the application says so', async () => {
    const named = { externalId: 'guest/1' };
    const first = await issue({ user: { ...named, guest: true, profile: { firstName: 'Gus' } } });
    expect(first.user).toMatchObject({
      username: expect.stringMatching(/^guest-[a-z0-9]{8}$/),
      firstName: 'Gus',
      kind: 'guest',
    });
    expect((await issue({ user: named })).user.kind).toBe('guest');
    const viewer = await viewerOf(first.accessToken);
    if (!viewer) throw new Error('The token is not valid.');
    await expect(services.directChats.open(viewer, ann.id)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      rule: 'user.guest',
    });
    await expect(services.users.update(first.user.id, { role: 'admin' })).rejects.toMatchObject({ rule: 'user.guest' });
    const person = await issue({ user: { ...named, profile: { firstName: 'Gus' } } });
    expect(person.user).toMatchObject({ id: first.user.id, kind: 'human' });
    expect((await userOf(person.user.id)).forgetAt).toBeNull();
  });

  it('is forgotten as a guest 30 days after the last token; the messages stay', async () => {
    const [{ user: gone, accessToken }, { user: here }] = [
      await issue({ user: { externalId: 'guest/2', guest: true, profile: { firstName: 'Ida', email: 'i@x.org' } } }),
      await issue({ user: { externalId: 'guest/3', guest: true, profile: { firstName: 'Jon' } } }),
    ];
    const chat = await services.newChat(gone);
    const sender = await viewerOf(accessToken);
    if (!sender) throw new Error('The token is not valid.');
    await services.messages.send(sender, { chatId: chat.id, content: 'hi' });
    const { rows } = await services.db.pool.query<{ days: number }>(
      'SELECT extract(day FROM forget_at - now())::int AS days FROM users WHERE id = $1',
      [gone.id],
    );
    expect(rows).toEqual([{ days: 30 }]);
    expect(await services.guests.forget()).toBe(0);
    await services.db.pool.query("UPDATE users SET forget_at = now() - interval '1 s' WHERE id = $1", [gone.id]);
    // Somebody has taken the name that an id suggests.
    await services.users.create({ username: `guest-${gone.id}`, password: PASSWORD });
    expect(await services.guests.forget()).toBe(1);
    const { username } = await userOf(gone.id);
    expect(username).toMatch(/^guest-[0-9a-f-]{36}$/);
    expect(await userOf(gone.id)).toMatchObject({
      usernameKey: username,
      firstName: '',
      email: null,
      externalId: null,
      isActive: false,
    });
    expect(await userOf(here.id)).toMatchObject({ firstName: 'Jon', isActive: true });
    expect(await viewerOf(accessToken)).toBeUndefined();
    expect(await services.chatLog.messages(chat.id, { last: 1 })).toMatchObject([
      { content: 'hi', sender: { username } },
    ]);
    const next = await issue({ user: { externalId: 'guest/2', guest: true } });
    expect(next.user.id).not.toBe(gone.id);
  });

  it('is forgotten as a guest also when the token was never issued', async () => {
    const asked = { by: backend, isGuest: true, check: () => {} };
    const { id } = await services.userUpserts.upsertForToken({ externalId: 'guest/4' }, asked);
    const { forgetAt } = await userOf(id);
    expect(Math.round(((forgetAt?.getTime() ?? 0) - Date.now()) / 86_400_000)).toBe(30);
  });
});

it.runIf(testDatabaseSource().kind === 'postgres')(
  'a token that waits for the application that issues it keeps no other act from the audit log',
  async () => {
    const page = {
      name: 'Phone',
      isPublic: true,
      grants: ['authorization_code'],
      redirectUris: ['https://shop.example/'],
    };
    const { client: phone } = await services.clients.create(page);
    const held = await services.db.pool.connect();
    await held.query('BEGIN');
    await held.query('SELECT 1 FROM oauth_clients WHERE id = $1 FOR UPDATE', [backend.clientId]);
    const issuing = issue({ user: { id: ann.id }, client: phone.id });
    await vi.waitFor(async () => {
      const { rows } = await services.db.pool.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      expect(rows).toHaveLength(1);
    });
    await held.query("SET LOCAL lock_timeout = '100ms'");
    await held.query(`SELECT write_audit_entries('[{"action": "other.act"}]')`);
    await held.query('COMMIT');
    held.release();
    expect(await issuing).toMatchObject({ user: ann });
  },
);

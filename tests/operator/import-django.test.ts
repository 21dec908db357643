import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { endSignIns } from '../../src/domain/credentials/end-sign-ins.js';
import { PasswordHasher } from '../../src/domain/credentials/passwords.js';
import { transaction } from '../../src/domain/transaction.js';
import { convert } from '../../src/operator/django/convert.js';
import { readDjango } from '../../src/operator/django/source.js';
import { writeImport } from '../../src/operator/django/write.js';
import { startEmbedded } from '../../src/plugins/database/embedded.js';
import {
  type AuthorizationServer,
  members,
  startAuthorizationServer,
  tokenPair,
} from '../support/authorization-server.js';
import { configureDatabase } from '../support/configured-database.js';
import { createDjangoDatabase, type DjangoDatabase, djangoHash, djangoToken } from '../support/django.js';
import { manage } from '../support/manage.js';
import { testDatabaseSource } from '../support/test-database-source.js';
import { waitUntil } from '../support/wait-until.js';

const PASSWORD = 'correct horse';
const SECRET = 'battery staple';

describe('import-django', { timeout: 60_000 }, () => {
  let django: DjangoDatabase;
  let server: AuthorizationServer;
  beforeAll(async () => {
    [django, server] = await Promise.all([createDjangoDatabase(), startAuthorizationServer()]);
  });
  afterEach(async () => {
    await django.empty();
    await server.db.pool.query('TRUNCATE users, oauth_clients CASCADE');
  });
  afterAll(async () => {
    await server.close();
    await django.close();
  });

  async function importAll(userTable?: string) {
    const hasher = new PasswordHasher();
    const converted = await convert(await readDjango(django.url, userTable), 86_400, (secret) => hasher.hash(secret));
    const { remarks, ...written } = await writeImport(server.db, converted);
    return { ...written, remarks: [...converted.remarks, ...remarks] };
  }
  const none = { copied: 0, present: 0 };
  const dump = async () => {
    const tables = ['users', 'oauth_clients', 'token_families', 'access_tokens', 'refresh_tokens'];
    const rows = await Promise.all(
      tables.map((table) => server.db.pool.query(`SELECT * FROM ${table} t ORDER BY t::text`)),
    );
    return JSON.stringify(rows.map((result) => result.rows));
  };
  const stored = (username: string) => server.db.prisma.user.findUniqueOrThrow({ where: { username } });

  it('brings users along, whose passwords go on working and are hashed anew at the first sign-in', async () => {
    await django.user({
      username: 'ann',
      password: djangoHash(PASSWORD),
      email: 'ann@example.org',
      first_name: 'Ann',
      last_name: 'Lee',
      role: 'admin',
      date_joined: new Date('2020-02-02T02:02:02Z'),
    });
    await django.user({ username: 'bob', password: djangoHash(PASSWORD), is_active: false });
    await django.user({ username: 'cid', password: '!unusable' });
    await django.user({ username: 'dan', password: 'bcrypt_sha256$$2b$12$xyz' });
    const { users, remarks } = await importAll();
    expect(users).toEqual({ copied: 4, present: 0 });
    const { rows: acts } = await server.db.pool.query(
      "SELECT actor_id, entry::jsonb -> 'data' AS data FROM audit_log WHERE action = 'users.imported'",
    );
    expect(acts).toEqual([{ actor_id: null, data: { users: 4, applications: 0 } }]);
    expect(await stored('ann')).toMatchObject({
      email: 'ann@example.org',
      firstName: 'Ann',
      lastName: 'Lee',
      role: 'admin',
      isActive: true,
      dateJoined: new Date('2020-02-02T02:02:02Z'),
    });
    expect(await stored('bob')).toMatchObject({ role: 'user', isActive: false, email: null });
    expect((await stored('cid')).passwordHash).toBeNull();
    expect((await stored('dan')).passwordHash).toBeNull();
    expect(remarks).toEqual([expect.stringContaining('The user dan needs a new password')]);

    expect(await server.signInService.authenticate('ann', 'wrong')).toBeUndefined();
    expect((await stored('ann')).passwordHash).toMatch(/^pbkdf2_sha256\$/);
    expect(await server.signInService.authenticate('ann', PASSWORD)).toBeDefined();
    expect((await stored('ann')).passwordHash).toMatch(/^\$argon2id\$/);
    expect(await server.signInService.authenticate('ann', PASSWORD)).toBeDefined();
    expect(await server.signInService.authenticate('bob', PASSWORD)).toBeUndefined();
    expect(await server.signInService.authenticate('cid', '')).toBeUndefined();
  });

  it('brings applications along, with hashed and with plain secrets, none of which is stored in clear', async () => {
    const generated = 'g'.repeat(128);
    await django.application({ client_id: 'hashed', client_secret: djangoHash(SECRET), name: 'Hashed' });
    await django.application({ client_id: 'plain', client_secret: SECRET, hash_client_secret: false });
    await django.application({ client_id: 'long', client_secret: generated, hash_client_secret: false });
    await django.application({
      client_id: 'spa',
      client_type: 'public',
      authorization_grant_type: 'authorization-code',
      redirect_uris: 'https://app.example/cb http://app.example/cb http://127.0.0.1:8000/cb',
    });
    await django.application({
      client_id: 'machine',
      authorization_grant_type: 'client-credentials',
      client_secret: 'md5$x$y',
    });
    await django.application({ client_id: 'old', authorization_grant_type: 'implicit' });
    const { applications, remarks } = await importAll();
    expect(applications).toEqual({ copied: 5, present: 0 });
    expect(remarks).toEqual([
      expect.stringContaining('The application spa lost the redirect URI http://app.example/cb'),
      expect.stringContaining('The application machine needs a new secret'),
      expect.stringContaining('The application "old" was not copied: the grant implicit is not offered here.'),
    ]);
    expect(await dump()).not.toContain(SECRET);
    expect(await dump()).not.toContain(generated);
    expect(await server.clients.find('spa')).toEqual({
      id: 'spa',
      name: 'spa',
      isPublic: true,
      grants: ['authorization_code', 'refresh_token'],
      scopes: ['read', 'write'],
      redirectUris: ['https://app.example/cb', 'http://127.0.0.1:8000/cb'],
      userId: null,
    });
    for (const [id, secret] of [
      ['hashed', SECRET],
      ['plain', SECRET],
      ['long', generated],
    ] as const) {
      expect(await server.clients.authenticate(id, 'wrong')).toBeUndefined();
      expect(await server.clients.authenticate(id, secret)).toMatchObject({ id, isPublic: false });
      expect(await server.clients.authenticate(id, secret)).toMatchObject({ grants: ['password', 'refresh_token'] });
    }
    const { secretHash } = await server.db.prisma.oAuthClient.findUniqueOrThrow({ where: { id: 'hashed' } });
    expect(secretHash).toMatch(/^\$argon2id\$/);
  });

  it('lets tokens in use go on working: as Bearer, refreshed, introspected and revoked', async () => {
    const user = await django.user({ username: 'ann', password: djangoHash(PASSWORD) });
    const application = await django.application({ client_id: 'app', client_secret: djangoHash(SECRET) });
    const credentials = { client_id: 'app', client_secret: SECRET };
    const pair = await django.tokens({ application, user, scope: 'read' });
    const other = await django.tokens({ application, user });
    const late = await django.tokens({ application, user, expires: new Date(Date.now() - 60_000) });
    const over = await django.tokens({ application, user, expires: new Date(Date.now() - 90_000_000) });
    const machine = await django.tokens({ application, user: null, refresh: null });
    const { accessTokens, refreshTokens, remarks } = await importAll();
    expect({ accessTokens, refreshTokens, remarks }).toEqual({
      accessTokens: { copied: 3, present: 0 },
      refreshTokens: { copied: 3, present: 0 },
      remarks: [],
    });
    expect(await server.tokens.authenticate(pair.access)).toMatchObject({
      user: { username: 'ann' },
      clientId: 'app',
      scopes: new Set(['read']),
    });
    expect(await server.tokens.authenticate(machine.access)).toMatchObject({ user: null, clientId: 'app' });
    expect(await server.tokens.authenticate(late.access)).toBeUndefined();
    expect((await server.refresh(credentials, over.refresh)).status).toBe(400);

    const refreshed = await server.refresh(credentials, pair.refresh);
    expect(await members(refreshed.clone())).toMatchObject({
      scope: 'read',
      access_token: expect.stringMatching(/^cat_/),
    });
    const next = await tokenPair(refreshed);
    expect(await server.tokens.authenticate(pair.access)).toBeUndefined();
    expect((await server.refresh(credentials, next.refresh)).status).toBe(200);
    expect((await server.refresh(credentials, pair.refresh)).status).toBe(400);
    expect((await server.refresh(credentials, late.refresh)).status).toBe(200);

    const describe = async (token: string) =>
      members(await server.post('/oauth/introspect/', { token, ...credentials }));
    expect(await describe(other.access)).toMatchObject({ active: true, username: 'ann', scope: 'read write' });
    expect((await server.post('/oauth/revoke_token/', { token: other.access, ...credentials })).status).toBe(200);
    expect(await describe(other.access)).toEqual({ active: false });
    expect((await server.refresh(credentials, other.refresh)).status).toBe(400);
  });

  it('stores no imported token in clear', async () => {
    const user = await django.user({ username: 'ann', password: djangoHash(PASSWORD) });
    const pair = await django.tokens({
      application: await django.application({ client_id: 'app', client_secret: 'x' }),
      user,
    });
    await importAll();
    const { rows } = await server.db.pool.query(
      'SELECT t::text AS text FROM access_tokens t UNION ALL SELECT r::text FROM refresh_tokens r',
    );
    expect(rows).toHaveLength(2);
    for (const { text } of rows) for (const token of Object.values(pair)) expect(text).not.toContain(token);
  });

  it('changes nothing when it is run again, and brings back nothing that ended here', async () => {
    const user = await django.user({ username: 'ann', password: djangoHash(PASSWORD) });
    const application = await django.application({ client_id: 'app', client_secret: djangoHash(SECRET) });
    const kept = await django.tokens({ application, user });
    const revoked = await django.tokens({ application, user });
    await importAll();
    const before = await dump();
    const again = await importAll();
    expect(again).toMatchObject({
      users: { copied: 0, present: 1 },
      applications: { copied: 0, present: 1 },
      accessTokens: { copied: 0, present: 2 },
      refreshTokens: { copied: 0, present: 2 },
    });
    expect(await dump()).toBe(before);

    await server.tokens.revoke(revoked.access, 'app');
    await server.users.setPassword('ann', 'another password');
    await server.tokens.deleteExpired();
    await importAll();
    expect(await server.tokens.authenticate(revoked.access)).toBeUndefined();
    expect(await server.tokens.authenticate(kept.access)).toBeUndefined();
    expect(await server.signInService.authenticate('ann', PASSWORD)).toBeUndefined();
  });

  it('says what it could not copy', async () => {
    const user = await django.user({ username: 'ann', password: '!x' });
    await django.user({ username: 'a b', password: '!x' });
    const application = await django.application({ client_id: 'app', client_secret: 'x' });
    await django.tokens({ application, user, access: 'a.jwt.of-some-kind', refresh: djangoToken() });
    await django.tokens({ application, user, scope: 'groups' });
    const { remarks, accessTokens, refreshTokens } = await importAll();
    expect(remarks).toEqual([
      'The user "a b" was not copied, nor their tokens: username may hold letters, digits and @ . + - _ only.',
      '1 access and 0 refresh tokens were not copied: they are not 30 letters and digits.',
      '1 sign-ins were not copied: their tokens have neither the scope read nor write.',
    ]);
    expect({ accessTokens, refreshTokens }).toEqual({ accessTokens: none, refreshTokens: { copied: 1, present: 0 } });
  });

  it('copies users whose columns are null as Django would make them, and names those without a username', async () => {
    const columns = ['username', 'password', 'email', 'first_name', 'last_name', 'is_active', 'date_joined', 'role'];
    for (const column of columns) await django.query(`ALTER TABLE users_user ALTER ${column} DROP NOT NULL`);
    const nothing = Object.fromEntries(columns.map((column) => [column, null]));
    await django.user({ ...nothing, username: 'ann' });
    const nameless = await django.user(nothing);
    const application = await django.application({ client_id: 'app', client_secret: 'x' });
    await django.tokens({ application, user: nameless });
    const { users, remarks, accessTokens } = await importAll();
    expect({ users, remarks, accessTokens }).toEqual({
      users: { copied: 1, present: 0 },
      remarks: [`The user with the id ${nameless} was not copied, nor their tokens: they have no username.`],
      accessTokens: none,
    });
    const { dateJoined, ...ann } = await stored('ann');
    expect(ann).toMatchObject({ passwordHash: null, email: null, firstName: '', isActive: true, role: 'user' });
    expect(Date.now() - dateJoined.getTime()).toBeLessThan(60_000);
  });

  it.runIf(testDatabaseSource().kind === 'postgres')(
    'brings back no sign-in that a password reset ends beside it, before its own look or after (on a server alone)',
    async () => {
      const user = await django.user({ username: 'ann', password: djangoHash(PASSWORD) });
      const application = await django.application({ client_id: 'app', client_secret: djangoHash(SECRET) });
      await importAll();
      const early = await django.tokens({ application, user });
      const { rows } = await server.db.pool.query<{ id: string }>('SELECT id FROM users');
      const areWaiting = async (count: number) => {
        const waiting = await server.db.pool.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return waiting.rows.length >= count;
      };
      // The reset is under way when the import looks for the second time.
      let imported: ReturnType<typeof importAll> | undefined;
      await transaction(server.db, async (connection) => {
        await connection.query('UPDATE users SET password_version = password_version + 1 WHERE id = $1', [rows[0]?.id]);
        await endSignIns(connection, rows[0]?.id ?? '');
        imported = importAll();
        await waitUntil('The import waits', 10_000, () => areWaiting(1));
      });
      expect((await imported)?.remarks).toEqual([
        'The tokens of ann were not copied: the password was changed here meanwhile.',
      ]);
      expect(await server.tokens.authenticate(early.access)).toBeUndefined();

      // The import has looked for the second time when the reset begins: it waits at the application for somebody else.
      await django.query('TRUNCATE oauth2_provider_accesstoken CASCADE');
      const late = await django.tokens({ application, user });
      await server.db.pool.query(`DELETE FROM oauth_clients`);
      let reset: Promise<void> | undefined;
      await transaction(server.db, async (connection) => {
        await connection.query('LOCK TABLE oauth_clients IN SHARE MODE');
        imported = importAll();
        await waitUntil('The import waits', 10_000, () => areWaiting(1));
        reset = server.users.setPassword('ann', 'another password');
        await waitUntil('The reset waits', 10_000, () => areWaiting(2));
      });
      expect((await imported)?.accessTokens).toEqual({ copied: 1, present: 0 });
      await reset;
      expect(await server.tokens.authenticate(late.access)).toBeUndefined();
    },
  );

  it('gives tokens to nobody but the users that it made, and names whom it left out', async () => {
    const here = await server.users.create({ username: 'bob', password: 'somebody else’s' });
    const bob = await django.user({ username: 'bob', password: djangoHash(PASSWORD), role: 'admin' });
    const ann = await django.user({ username: 'ann', password: djangoHash(PASSWORD) });
    const application = await django.application({ client_id: 'app', client_secret: djangoHash(SECRET) });
    const ofBob = await django.tokens({ application, user: bob });
    const ofAnn = await django.tokens({ application, user: ann });
    for (let run = 0; run < 2; run += 1) {
      const { remarks } = await importAll();
      expect(remarks).toEqual([expect.stringMatching(/^The user bob was not copied, nor their tokens/)]);
      expect(await server.tokens.authenticate(ofBob.access)).toBeUndefined();
      expect(await server.tokens.authenticate(ofAnn.access)).toMatchObject({ user: { username: 'ann' } });
    }
    expect(await stored('bob')).toMatchObject({ id: here.id, role: 'user' });
  });

  it('takes the names that anybody may have here, in their form, and says why it leaves out others', async () => {
    const long = 'x'.repeat(150);
    const names = ['Jose\u0301', 'Jos\u00e9', 'josé', long, 'ad\u034fmin', '\u0430dmin', 'bob', 'BOB', 'ﬁona', 'Fiona'];
    for (const username of names) await django.user({ username, password: djangoHash(PASSWORD) });
    const data = await readDjango(django.url, undefined);
    // A project's own table may hold longer ones.
    for (const user of data.users) if (user.username === long) user.username += 'x';
    const converted = await convert(data, 86_400, async (secret) => secret);
    const written = await writeImport(server.db, converted);
    const { users } = written;
    const remarks = [...converted.remarks, ...written.remarks];
    expect(users).toEqual({ copied: 3, present: 0 });
    const left = (name: string, why: string) => `The user ${name} was not copied, nor their tokens: ${why}`;
    const same = 'has this name already, but for case and the form of its letters.';
    expect(remarks).toEqual([
      left(JSON.stringify(long), 'username must have 1 to 150 characters.'),
      left(JSON.stringify('ad\u034fmin'), 'username must not have characters that do not show.'),
      left(JSON.stringify('\u0430dmin'), 'username must be of one script.'),
      left('José', `José ${same}`),
      left('josé', `José ${same}`),
      left('BOB', `bob ${same}`),
      left('Fiona', `ﬁona ${same}`),
    ]);
    expect(await server.signInService.authenticate('Jose\u0301', PASSWORD)).toMatchObject({
      user: { username: 'José' },
    });
  });

  it('knows users again whom an import copied that kept neither where they came from nor the form of their names', async () => {
    const joined = new Date('2020-02-02T02:02:02.020Z');
    const ann = await django.user({ username: 'ann', password: djangoHash(PASSWORD), date_joined: joined });
    const eve = await django.user({ username: 'eve', password: djangoHash(PASSWORD), date_joined: joined });
    await django.user({ username: 'Jose\u0301', password: djangoHash(PASSWORD) });
    const application = await django.application({ client_id: 'app', client_secret: djangoHash(SECRET) });
    await importAll();
    await server.db.pool.query(`UPDATE users SET imported_from = NULL WHERE username IN ('ann', 'eve')`);
    // Somebody else has taken the name since.
    await server.db.pool.query(`UPDATE users SET date_joined = now() WHERE username = 'eve'`);
    await server.db.pool.query(`UPDATE users SET username = $1 WHERE username = $2`, ['Jose\u0301', 'Jos\u00e9']);
    const ofAnn = await django.tokens({ application, user: ann });
    const ofEve = await django.tokens({ application, user: eve });
    for (let run = 0; run < 2; run += 1) {
      const { users, remarks } = await importAll();
      expect(users).toEqual({ copied: 0, present: 2 });
      expect(remarks).toEqual([expect.stringMatching(/^The user eve was not copied, nor their tokens: somebody here/)]);
      expect(await server.tokens.authenticate(ofAnn.access)).toMatchObject({ user: { username: 'ann' } });
      expect(await server.tokens.authenticate(ofEve.access)).toBeUndefined();
    }
    expect(await stored('ann')).toMatchObject({ importedFrom: `django:${ann}` });
  });

  it('gives nobody the tokens of another service’s user with the same number', async () => {
    const first = await django.user({ id: 7, username: 'ann', password: djangoHash(PASSWORD) });
    await importAll();
    await django.empty();
    const other = await django.user({ id: 7, username: 'bob', password: djangoHash(PASSWORD) });
    expect(other).toBe(first);
    const application = await django.application({ client_id: 'app', client_secret: djangoHash(SECRET) });
    const { access } = await django.tokens({ application, user: other });
    expect((await importAll()).users).toEqual({ copied: 1, present: 0 });
    expect(await server.tokens.authenticate(access)).toMatchObject({ user: { username: 'bob' } });
  });

  it('copies all or nothing', async () => {
    await django.user({ username: 'ann', password: '!x' });
    const user = await django.user({ username: 'bob', password: '!x' });
    const application = await django.application({ client_id: 'app', client_secret: 'x' });
    // Two rows of one token, which Django's own constraints allow in the old form of the table.
    await django.tokens({ application, user, refresh: null });
    const data = await readDjango(django.url, undefined);
    data.accessTokens.push(...data.accessTokens.map((token) => ({ ...token, id: `${token.id}0` })));
    const converted = await convert(data, 86_400, async (secret) => secret);
    await expect(writeImport(server.db, converted)).rejects.toThrow();
    expect(await server.db.prisma.user.count()).toBe(0);
  });

  it('takes the table of users that it is told, without a role of their own', async () => {
    await django.query('ALTER TABLE users_user DROP COLUMN role');
    await django.query('ALTER TABLE users_user RENAME TO people');
    await django.query(
      `INSERT INTO people (username, password, is_staff, is_superuser)
       VALUES ('ann', '!x', true, true), ('bob', '!x', true, false)`,
    );
    await expect(importAll()).rejects.toThrow('There is no table of users');
    expect((await importAll('people')).users).toEqual({ copied: 2, present: 0 });
    expect([(await stored('ann')).role, (await stored('bob')).role]).toEqual(['admin', 'user']);
  });

  it('is a command, which prints what it did, or one sentence why not', async () => {
    const database = await configureDatabase({ prepared: true });
    const { DATABASE_URL: url, DATA_DIR: folder } = database.environment;
    // Running, so that not every command has to start it.
    const running = url ? undefined : await startEmbedded(folder);
    try {
      await django.user({ username: 'ann', password: '!x' });
      const run = (...args: string[]) => manage(database, ['import-django', ...args]);
      expect(await run('--database', django.url)).toEqual({
        code: 0,
        stdout: 'users: 1 copied\napplications: 0 copied\naccess tokens: 0 copied\nrefresh tokens: 0 copied\n',
        stderr: '',
      });
      expect((await run('--database', django.url)).stdout).toContain('users: 0 copied, 1 there already\n');
      for (const url of ['sqlite:///db.sqlite3', 'postgresql://nobody:hunter22@127.0.0.1:1/none']) {
        const { code, stdout, stderr } = await run('--database', url);
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
        expect(stderr).toMatch(/^[A-Z].*\.\n$/);
        expect(stderr).not.toContain('hunter22');
      }
    } finally {
      await running?.close();
      await database.remove();
    }
  });
});

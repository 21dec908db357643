import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserUpsert } from '../../../src/domain/people/user-upserts.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { PASSWORD, startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let admin: Viewer;
beforeAll(async () => {
  services = await startOwnServices();
  admin = await services.newViewer(await services.newUser('admin'));
});
afterAll(() => services.close());

const upsert = (...users: UserUpsert[]) => services.userUpserts.upsert(admin, users);
const stored = async (externalId: string) => services.db.prisma.user.findUniqueOrThrow({ where: { externalId } });
/** Every row of the table, and which transaction wrote it. */
const versions = async () => {
  const { rows } = await services.db.pool.query('SELECT id, xmin::text FROM users ORDER BY id');
  return rows;
};
const countUsers = () => services.db.prisma.user.count();

describe('upserting users', () => {
  it('makes those who are not there, and returns all in the order asked', async () => {
    const made = await upsert(
      { externalId: 'a', username: 'Alice', email: 'a@x.org', firstName: 'A', lastName: 'L', role: 'admin' },
      { externalId: 'b' },
      { externalId: 'c', isActive: false },
    );
    expect(made).toMatchObject([
      { username: 'Alice', firstName: 'A', lastName: 'L', role: 'admin', kind: 'human' },
      { username: expect.stringMatching(/^user-[a-z0-9]{8}$/), firstName: '', role: 'user' },
      { role: 'user' },
    ]);
    expect(await stored('a')).toMatchObject({ id: made[0]?.id, email: 'a@x.org', isActive: true, passwordHash: null });
    expect(await stored('c')).toMatchObject({ id: made[2]?.id, isActive: false });
    const again = await upsert({ externalId: 'c' }, { externalId: 'a' });
    expect(again.map(({ id }) => id)).toEqual([made[2]?.id, made[0]?.id]);
    const page = await services.db.prisma.user.findMany({
      where: { externalId: { in: ['a', 'b', 'c'] } },
      orderBy: { createdSeq: 'asc' },
    });
    expect(page.map(({ externalId }) => externalId)).toEqual(['a', 'b', 'c']);
  });

  it('changes what is given and nothing else; null clears the email', async () => {
    await upsert({ externalId: 'd', username: 'dora', email: 'd@x.org', firstName: 'D' });
    await upsert({ externalId: 'd', lastName: 'O' });
    expect(await stored('d')).toMatchObject({ username: 'dora', email: 'd@x.org', firstName: 'D', lastName: 'O' });
    await upsert({ externalId: 'd', username: 'Dora', email: null, firstName: null, role: 'admin' });
    expect(await stored('d')).toMatchObject({ username: 'Dora', email: null, firstName: 'D', role: 'admin' });
    await services.users.create({ username: 'DORA2', password: PASSWORD });
    expect(await services.signIn.authenticate('dora2', PASSWORD)).toBeUndefined();
  });

  it('changes nothing when it is repeated, not even a version of a row', async () => {
    const users: UserUpsert[] = Array.from({ length: 100 }, (_, index) => ({
      externalId: `shop/${index}`,
      username: `shopper-${index}`,
      email: `s${index}@x.org`,
      firstName: `S${index}`,
      role: 'user',
      isActive: true,
      identities: [{ issuer: 'https://id.example', subject: `s${index}` }],
    }));
    const made = await upsert(...users);
    const before = await versions();
    expect(await upsert(...users)).toEqual(made);
    expect(await versions()).toEqual(before);
    const [first, ...others] = users;
    if (!first) throw new Error('There is a first user.');
    await upsert(...others, { ...first, firstName: 'Other' });
    const after = await versions();
    const changed = after.filter(({ xmin }, index) => xmin !== before[index]?.xmin);
    expect(changed.map(({ id }) => id)).toEqual([made[0]?.id]);
  });

  it('takes few statements, however many users there are', async () => {
    const users = Array.from({ length: 100 }, (_, index) => ({ externalId: `few/${index}` }));
    const { pool } = services.db;
    const connection = await pool.connect();
    connection.release();
    const statements: string[] = [];
    const query = connection.query.bind(connection);
    const original = connection.query;
    Object.assign(connection, {
      query: (...args: Parameters<typeof query>) => {
        statements.push(String(args[0]));
        return Reflect.apply(query, connection, args);
      },
    });
    try {
      await upsert(...users);
    } finally {
      Object.assign(connection, { query: original });
    }
    expect(statements.length).toBeLessThan(12);
  });

  it.each([
    ['users.1.username', { externalId: 'y', username: 'a b' }, 'BAD_USER_INPUT'],
    ['users.1.externalId', { externalId: '' }, 'BAD_USER_INPUT'],
    ['users.1.externalId', { externalId: 'x' }, 'BAD_USER_INPUT'],
    ['users.1.email', { externalId: 'y', email: 'nobody' }, 'BAD_USER_INPUT'],
    ['users.1.firstName', { externalId: 'y', firstName: 'x'.repeat(151) }, 'BAD_USER_INPUT'],
    ['users.1.username', { externalId: 'y', username: 'TAKEN' }, 'CONFLICT'],
    ['users.1.username', { externalId: 'y', username: 'NEWCOMER' }, 'CONFLICT'],
    [
      'users.1.identities',
      { externalId: 'y', identities: Array(11).fill({ issuer: 'i', subject: 's' }) },
      'BAD_USER_INPUT',
    ],
    ['users.1.identities.0.subject', { externalId: 'y', identities: [{ issuer: 'i', subject: '' }] }, 'BAD_USER_INPUT'],
  ] as const)('names the row that is refused, and does nothing of the call: %s %j', async (field, user, code) => {
    await upsert({ externalId: 'taken', username: 'taken' });
    const before = await versions();
    const newcomer = { externalId: 'x', username: 'newcomer' };
    await expect(
      upsert(newcomer, { ...user, ...('identities' in user && { identities: [...user.identities] }) }),
    ).rejects.toMatchObject({ code, field });
    expect(await versions()).toEqual(before);
  });

  it('refuses more than 100 users, and takes none', async () => {
    const many = Array.from({ length: 101 }, (_, index) => ({ externalId: `many/${index}` }));
    await expect(upsert(...many)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'users' });
    expect(await upsert()).toEqual([]);
  });

  it('ends the sign-ins of who is deactivated, and tells that they changed', async () => {
    const [user] = await upsert({ externalId: 'leaver' });
    if (!user) throw new Error('No user was made.');
    const viewer = await services.newViewer(user);
    const ended: string[] = [];
    const session = services.sessions.open(viewer, {
      sessionEnded: (reason) => ended.push(reason),
      viewerChanged() {},
      tokenExpiring() {},
    });
    await upsert({ externalId: 'leaver', isActive: false });
    await expect.poll(() => ended).toEqual(['token_revoked']);
    session.close();
    expect((await services.tokens.aliveFamilies([viewer.familyId])).size).toBe(0);
    await upsert({ externalId: 'leaver', isActive: true });
    expect((await services.tokens.aliveFamilies([viewer.familyId])).size).toBe(0);
  });

  it('makes a person of a guest, and no admin of a bot', async () => {
    const [guest, bot] = await upsert({ externalId: 'guest' }, { externalId: 'bot' });
    await services.db.pool.query("UPDATE users SET kind = 'guest' WHERE id = $1", [guest?.id]);
    await services.db.pool.query("UPDATE users SET kind = 'bot' WHERE id = $1", [bot?.id]);
    expect(await upsert({ externalId: 'guest' }, { externalId: 'bot', firstName: 'B' })).toMatchObject([
      { id: guest?.id, kind: 'human' },
      { id: bot?.id, kind: 'bot', firstName: 'B' },
    ]);
    await expect(upsert({ externalId: 'guest' }, { externalId: 'bot', role: 'admin' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
      field: 'users.1.role',
      rule: 'user.bot',
    });
  });

  it('adds identities, which belong to one user', async () => {
    const identity = { issuer: 'https://id.example/realms/shop', subject: '42' };
    const [user] = await upsert({ externalId: 'known', identities: [identity] });
    await upsert({ externalId: 'known', identities: [identity, { ...identity, subject: '43' }] });
    const { rows } = await services.db.pool.query(
      'SELECT subject, user_id FROM external_identities WHERE issuer = $1 ORDER BY subject',
      [identity.issuer],
    );
    expect(rows).toEqual(['42', '43'].map((subject) => ({ subject, user_id: user?.id })));
    await expect(
      upsert({ externalId: 'fine' }, { externalId: 'thief', identities: [{ ...identity, subject: '44' }, identity] }),
    ).rejects.toMatchObject({ code: 'CONFLICT', field: 'users.1.identities.1' });
    const usernames = ['anybody'];
    expect(await services.externalUsers.findOrCreate({ ...identity, usernames })).toBe(user?.id);
  });

  it('comes to one end when several make the same users at once', async () => {
    const users = Array.from({ length: 20 }, (_, index) => ({
      externalId: `race/${index}`,
      username: `racer-${index}`,
    }));
    const before = await countUsers();
    const settled = await Promise.all(Array.from({ length: 4 }, () => upsert(...users)));
    expect(await countUsers()).toBe(before + 20);
    for (const made of settled) expect(made).toEqual(settled[0]);
  });

  it('leaves an active admin', async () => {
    const others = await services.db.prisma.user.findMany({
      where: { role: 'admin', id: { not: admin.user?.id ?? '' } },
    });
    for (const { id } of others) await services.users.update(id, { role: 'user' });
    await services.users.update(admin.user?.id ?? '', { externalId: 'me' });
    await expect(upsert({ externalId: 'x1' }, { externalId: 'me', role: 'user' })).rejects.toMatchObject({
      code: 'CONFLICT',
      field: 'users.1.role',
    });
    await upsert({ externalId: 'x1', role: 'admin' }, { externalId: 'me', role: 'user' });
    await expect(upsert({ externalId: 'x2' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

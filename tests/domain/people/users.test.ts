import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORD, startOwnServices, viewerOf } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
beforeAll(async () => {
  services = await startOwnServices();
});
afterAll(() => services.close());

describe('creating a user', () => {
  it('stores what is given, an argon2id hash of the password, and the role user', async () => {
    const user = await services.users.create({
      username: 'ann@x.org',
      password: PASSWORD,
      email: 'ann@x.org',
      firstName: 'Ann',
    });
    expect(user).toMatchObject({
      username: 'ann@x.org',
      email: 'ann@x.org',
      firstName: 'Ann',
      lastName: '',
      role: 'user',
      isActive: true,
    });
    expect(user.passwordHash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  it.each(['Ünï-cødé.+@_9', '用户', 'x'.repeat(150)])('takes the username %j', async (username) => {
    expect((await services.users.create({ username, password: PASSWORD })).username).toBe(username);
  });

  it.each([
    ['username', ''],
    ['username', 'a b'],
    ['username', 'a/b'],
    ['username', 'x'.repeat(151)],
    ['username', 'a\0'],
    ['username', '\ud800'],
    ['password', 'seven77'],
    ['password', 'x'.repeat(257)],
    ['email', 'nobody'],
    ['email', `${'x'.repeat(250)}@x.org`],
    ['firstName', 'x'.repeat(151)],
    ['lastName', '\0'],
    ['externalId', ''],
    ['externalId', 'x'.repeat(201)],
    ['externalId', 'a\u0085b'],
    ['externalId', '\ud800'],
  ])('refuses %s %j', async (field, value) => {
    const input = { username: crypto.randomUUID().slice(0, 8), password: PASSWORD, [field]: value };
    await expect(services.users.create(input)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field });
  });

  it('refuses a taken username, also when many ask at once', async () => {
    const settled = await Promise.allSettled(
      Array.from({ length: 8 }, () => services.users.create({ username: 'same', password: PASSWORD })),
    );
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refused = settled.find((result) => result.status === 'rejected');
    expect(refused?.reason).toMatchObject({ code: 'CONFLICT', field: 'username' });
  });
});

describe('the id of another system', () => {
  const named = (username: string, externalId: string) =>
    services.users.create({ username, externalId, password: PASSWORD });

  it('is stored as it is, and belongs to one user', async () => {
    const externalId = `x/${'é'.repeat(196)} 👋`;
    expect(await named('shopper', externalId)).toMatchObject({ externalId, kind: 'human' });
    await expect(named('other-shopper', externalId)).rejects.toMatchObject({ code: 'CONFLICT', field: 'externalId' });
    expect(await named('third-shopper', externalId.toUpperCase())).toMatchObject({
      externalId: externalId.toUpperCase(),
    });
  });

  it('is given, changed and taken away by an update', async () => {
    const { id } = await services.users.create({ username: 'moves', password: PASSWORD });
    await named('stays', 'stays');
    expect(await services.users.update(id, { externalId: 'one' })).toMatchObject({ externalId: 'one' });
    expect(await services.users.update(id, { firstName: 'M' })).toMatchObject({ externalId: 'one', firstName: 'M' });
    await expect(services.users.update(id, { firstName: 'X', externalId: 'stays' })).rejects.toMatchObject({
      code: 'CONFLICT',
      field: 'externalId',
    });
    await expect(services.users.update(id, { externalId: '' })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
    expect(await services.users.update(id, { externalId: null })).toMatchObject({ externalId: null, firstName: 'M' });
  });
});

describe('changing a user', () => {
  it('changes what is given and nothing else; null clears the email', async () => {
    const { id } = await services.users.create({
      username: 'bob',
      password: PASSWORD,
      email: 'b@x.org',
      lastName: 'B',
    });
    expect(await services.users.update(id, { firstName: 'Bob', role: 'admin' })).toMatchObject({
      email: 'b@x.org',
      firstName: 'Bob',
      lastName: 'B',
      role: 'admin',
    });
    expect(await services.users.update(id, { email: null, lastName: null })).toMatchObject({
      email: null,
      lastName: 'B',
    });
  });

  it.each([crypto.randomUUID(), 'nonsense', ''])('of id %j is NOT_FOUND', async (id) => {
    await expect(services.users.update(id, { firstName: 'x' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      field: 'id',
    });
  });
});

describe('changing a password', () => {
  it('asks for the current one, and ends every sign-in but the one that asks', async () => {
    const user = await services.users.create({ username: 'cid', password: PASSWORD });
    const { client } = await services.clients.create({ name: 'Test', grants: ['password', 'refresh_token'] });
    const issue = () =>
      services.tokens.issue({
        clientId: client.id,
        userId: user.id,
        scopes: ['read', 'write'],
        withRefreshToken: true,
      });
    const [mine, other] = [await issue(), await issue()];
    const viewer = await services.tokens.authenticate(mine?.accessToken ?? '');
    if (!viewer) throw new Error('The token is not valid.');

    await expect(services.users.changePassword(viewer, 'wrong password', 'another password')).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'currentPassword',
    });
    await expect(services.users.changePassword(viewer, PASSWORD, 'short')).rejects.toMatchObject({
      field: 'newPassword',
    });
    expect(await services.tokens.authenticate(other?.accessToken ?? '')).toBeDefined();

    await services.users.changePassword(viewer, PASSWORD, 'another password');
    expect(await services.tokens.authenticate(other?.accessToken ?? '')).toBeUndefined();
    expect(await services.tokens.authenticate(mine?.accessToken ?? '')).toBeDefined();
    expect(await services.signIn.authenticate('cid', PASSWORD)).toBeUndefined();
    expect(await services.signIn.authenticate('cid', 'another password')).toMatchObject({ user: { id: user.id } });
  });

  it('comes at most once in five seconds, and says how long to wait', async () => {
    const user = await services.users.create({ username: 'dot', password: PASSWORD });
    const { client } = await services.clients.create({ name: 'Test', grants: ['password'] });
    const session = {
      clientId: client.id,
      userId: user.id,
      scopes: ['read', 'write'] as const,
      withRefreshToken: false,
    };
    const viewer = await services.tokens.authenticate((await services.tokens.issue(session))?.accessToken ?? '');
    if (!viewer) throw new Error('The token is not valid.');
    await services.users.changePassword(viewer, PASSWORD, 'another password');
    const again = services.users.changePassword(viewer, 'another password', PASSWORD);
    await expect(again).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) });
    const { retryAfterMs } = await again.catch((error) => error);
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(5000);
    expect(await services.signIn.authenticate('dot', 'another password')).toBeDefined();
  });

  it('is refused to a token without a user', async () => {
    await expect(services.users.changePassword(viewerOf(null), PASSWORD, PASSWORD)).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InProcessBus } from '../../src/delivery/in-process-bus.js';
import { PasswordHasher } from '../../src/domain/credentials/passwords.js';
import type { UserProfile } from '../../src/domain/profile.js';
import type { Viewer } from '../../src/domain/viewer.js';
import { deferred } from '../support/deferred.js';
import { PASSWORD, startOwnServices, startServices } from '../support/services.js';

/** What was asked before a write may have changed by the time of the write: the write asks again. */
describe('a change that was under way while another came', () => {
  let services: Awaited<ReturnType<typeof startOwnServices>>;
  let count = 0;
  beforeAll(async () => {
    services = await startOwnServices();
    await services.clients.create({ name: 'App', id: 'app', grants: ['password', 'refresh_token'] });
  });
  afterAll(() => services.close());

  async function signIn(role: 'admin' | 'user' = 'user') {
    count += 1;
    const user = await services.users.create({ username: `person${count}`, password: PASSWORD, role });
    return { user, ...(await sessionOf(user)) };
  }
  async function sessionOf(user: Pick<UserProfile, 'id'>): Promise<{ viewer: Viewer; access: string }> {
    const scopes = ['read', 'write'] as const;
    const issued = await services.tokens.issue({ clientId: 'app', userId: user.id, scopes, withRefreshToken: true });
    const viewer = issued && (await services.tokens.authenticate(issued.accessToken));
    if (!viewer) throw new Error('No token was issued.');
    return { viewer, access: issued.accessToken };
  }

  /** Does `other` while `first` waits for its hash. */
  async function whileHashing<Result>(first: () => Promise<Result>, other: () => Promise<unknown>): Promise<Result> {
    const [reached, goOn] = [deferred<void>(), deferred<void>()];
    const { hash } = PasswordHasher.prototype;
    PasswordHasher.prototype.hash = async function (password) {
      PasswordHasher.prototype.hash = hash;
      reached.resolve();
      await goOn.promise;
      return hash.call(this, password);
    };
    const doing = first();
    await Promise.race([reached.promise, doing]);
    await other().finally(() => goOn.resolve());
    return doing;
  }

  it('a password reset is not undone by a change that was under way', async () => {
    const { user, viewer, access } = await signIn();
    const change = whileHashing(
      () => services.users.changePassword(viewer, PASSWORD, 'the thief’s password'),
      () => services.users.setPassword(user.username, 'the operator’s password'),
    );
    await expect(change).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await services.signIn.authenticate(user.username, 'the thief’s password')).toBeUndefined();
    expect(await services.signIn.authenticate(user.username, 'the operator’s password')).toBeDefined();
    expect(await services.tokens.authenticate(access)).toBeUndefined();
  });

  it('the owner’s change on another device is not undone, nor the owner signed out', async () => {
    const { user, viewer } = await signIn();
    const owner = await sessionOf(user);
    const change = whileHashing(
      () => services.users.changePassword(viewer, PASSWORD, 'the thief’s password'),
      () => services.users.changePassword(owner.viewer, PASSWORD, 'the owner’s password'),
    );
    await expect(change).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await services.signIn.authenticate(user.username, 'the owner’s password')).toBeDefined();
    expect(await services.tokens.authenticate(owner.access)).toBeDefined();
  });

  it('a sign-in that has changed the password itself meanwhile has to give the new one', async () => {
    const { user, viewer } = await signIn();
    const change = whileHashing(
      () => services.users.changePassword(viewer, PASSWORD, 'the slower password'),
      () => services.users.changePassword(viewer, PASSWORD, 'the faster password'),
    );
    await expect(change).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'currentPassword' });
    expect(await services.signIn.authenticate(user.username, 'the faster password')).toBeDefined();
  });

  it.each(['revoked', 'deactivated'])('a sign-in that was %s meanwhile changes no password', async (how) => {
    const { user, viewer, access } = await signIn();
    const change = whileHashing(
      () => services.users.changePassword(viewer, PASSWORD, 'another password'),
      async () =>
        how === 'revoked' ? services.tokens.revoke(access, 'app') : services.users.update(user.id, { isActive: false }),
    );
    await expect(change).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    const { passwordVersion } = await services.db.prisma.user.findUniqueOrThrow({ where: { id: user.id } });
    expect(passwordVersion).toBe(0);
  });

  it('an admin who was demoted while a password was hashed makes no other admin', async () => {
    const [{ user, viewer }] = [await signIn('admin'), await signIn('admin')];
    const username = `accomplice${count}`;
    const creation = whileHashing(
      () => services.users.create({ username, password: PASSWORD, role: 'admin' }, viewer),
      () => services.users.update(user.id, { role: 'user' }),
    );
    await expect(creation).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await services.db.prisma.user.count({ where: { username } })).toBe(0);
  });

  describe.each(['demoted', 'deactivated', 'signed out'])('an admin of the moment before, %s since', (how) => {
    let former: Viewer;
    let member: UserProfile;
    let chatId: string;
    beforeEach(async () => {
      const admin = await signIn('admin');
      await signIn('admin');
      former = admin.viewer;
      member = await services.newUser();
      chatId = (await services.newChat()).id;
      if (how === 'demoted') await services.users.update(admin.user.id, { role: 'user' });
      if (how === 'deactivated') await services.users.update(admin.user.id, { isActive: false });
      if (how === 'signed out') await services.tokens.revoke(admin.access, 'app');
    });

    const acts: Record<string, () => Promise<unknown>> = {
      'creates no chat': () => services.chats.create(`chat of the former ${crypto.randomUUID()}`, former),
      'creates no user': () =>
        services.users.create({ username: `u${crypto.randomUUID()}`, password: PASSWORD }, former),
      'changes no user': () => services.users.update(member.id, { role: 'admin' }, former),
      'adds no member': () => services.memberships.add(former.user, chatId, member.id, former),
      'removes no member': () => services.memberships.remove(former.user, chatId, member.id, former),
      'gives no role': () => services.memberships.setRole(former.user, chatId, member.id, 'owner', former),
    };
    /** To somebody who is neither a member nor an admin any more, the chat looks like none. */
    const asOutsider = ['removes no member', 'gives no role'];
    it.each(Object.entries(acts))('%s', async (name, act) => {
      const state = async () => [
        await services.db.prisma.chat.count(),
        await services.db.prisma.user.count(),
        await services.db.prisma.chatMembership.count(),
        await services.db.prisma.user.count({ where: { role: 'admin' } }),
      ];
      const before = await state();
      // Who may sign in again is told to, and who may not do it is told so.
      const denial = asOutsider.includes(name) ? 'NOT_FOUND' : 'FORBIDDEN';
      await expect(act()).rejects.toMatchObject({ code: how === 'demoted' ? denial : 'UNAUTHENTICATED' });
      expect(await state()).toEqual(before);
    });
  });

  it('an admin who still is one does all of it', async () => {
    const { viewer } = await signIn('admin');
    const user = await services.users.create(
      { username: `made${count}`, password: PASSWORD, email: 'm@x.org' },
      viewer,
    );
    expect(user).toMatchObject({ email: 'm@x.org', role: 'user', firstName: '' });
    expect(await services.users.update(user.id, { role: 'admin' }, viewer)).toMatchObject({ role: 'admin' });
    const chat = await services.chats.create(`a chat ${count}`, viewer);
    expect(chat).toMatchObject({ name: `a chat ${count}`, lastSeq: 0, createdAt: expect.any(Date) });
    expect(await services.memberships.add(viewer.user, chat.id, user.id, viewer)).toMatchObject({ userId: user.id });
    expect(await services.memberships.remove(viewer.user, chat.id, user.id, viewer)).toBe(true);
  });
});

describe('a change and the end of what it ends', () => {
  let services: Awaited<ReturnType<typeof startOwnServices>>;
  beforeAll(async () => {
    services = await startOwnServices();
    await services.clients.create({ name: 'App', id: 'app', grants: ['password', 'refresh_token'] });
  });
  afterAll(() => services.close());
  const issue = (userId: string) =>
    services.tokens.issue({ clientId: 'app', userId, scopes: ['read'], withRefreshToken: true });

  it('happen both or not at all', async () => {
    const user = await services.users.create({ username: 'ann', password: PASSWORD });
    const issued = await issue(user.id);
    await services.db.pool.query(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'The process died here.'; END $$;
       CREATE TRIGGER refuse BEFORE UPDATE ON token_families EXECUTE FUNCTION refuse()`,
    );
    await expect(services.users.setPassword('ann', 'another password')).rejects.toThrow();
    await expect(services.users.update(user.id, { isActive: false })).rejects.toThrow();
    await services.db.pool.query('DROP TRIGGER refuse ON token_families; DROP FUNCTION refuse()');
    expect(await services.signIn.authenticate('ann', PASSWORD)).toBeDefined();
    expect(await services.tokens.authenticate(issued?.accessToken ?? '')).toBeDefined();
  });

  it('activation brings no old sign-in back', async () => {
    const user = await services.users.create({ username: 'bob', password: PASSWORD });
    const issued = await issue(user.id);
    await services.users.update(user.id, { isActive: false });
    await services.users.update(user.id, { isActive: true });
    expect(await services.tokens.authenticate(issued?.accessToken ?? '')).toBeUndefined();
    // Deactivated by somebody who did not end the sign-ins.
    const again = await issue(user.id);
    await services.db.pool.query('UPDATE users SET is_active = false WHERE id = $1', [user.id]);
    await services.users.update(user.id, { isActive: true });
    expect(await services.tokens.authenticate(again?.accessToken ?? '')).toBeUndefined();
  });

  it('a code that is redeemed while the password is reset gives no sign-in that lives', async () => {
    for (let round = 0; round < 10; round += 1) {
      const user = await services.users.create({ username: `cid${round}`, password: PASSWORD });
      await services.clients.create({
        name: 'Web',
        id: `web${round}`,
        grants: ['authorization_code', 'refresh_token'],
        redirectUris: ['https://app.example/cb'],
      });
      const browserSession = (await services.browserSessions.start(user.id, undefined)) ?? '';
      const codeVerifier = 'v'.repeat(43);
      const codeChallenge = Buffer.from(
        await crypto.subtle.digest('SHA-256', new TextEncoder().encode(codeVerifier)),
      ).toString('base64url');
      const request = { clientId: `web${round}`, redirectUri: null, scopes: ['read'] as const, codeChallenge };
      const code = (await services.tokens.createCode({ browserSession, ...request })) ?? '';
      const [result] = await Promise.all([
        services.tokens.redeemCode({
          code,
          clientId: `web${round}`,
          redirectUri: undefined,
          codeVerifier,
          withRefreshToken: true,
        }),
        services.users.setPassword(user.username, 'another password'),
      ]);
      if (result.outcome === 'issued')
        expect(await services.tokens.authenticate(result.tokens.accessToken)).toBeUndefined();
    }
  });
});

describe('the last active admin', () => {
  let services: Awaited<ReturnType<typeof startOwnServices>>;
  beforeAll(async () => {
    services = await startOwnServices();
  });
  afterAll(() => services.close());

  it('is neither demoted nor deactivated; of two who demote each other at once one stays', async () => {
    const one = await services.users.create({ username: 'one', password: PASSWORD, role: 'admin' });
    await services.users.create({ username: 'away', password: PASSWORD, role: 'admin' });
    await services.db.pool.query(`UPDATE users SET is_active = false WHERE username = 'away'`);
    for (const changes of [{ role: 'user' }, { isActive: false }] as const)
      await expect(services.users.update(one.id, changes)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await services.users.update(one.id, { firstName: 'One', role: 'admin', isActive: true })).toMatchObject({
      role: 'admin',
      isActive: true,
    });

    const two = await services.users.create({ username: 'two', password: PASSWORD, role: 'admin' });
    const other = await startServices(services.database, new InProcessBus());
    const settled = await Promise.allSettled([
      services.users.update(one.id, { role: 'user' }),
      other.users.update(two.id, { role: 'user' }),
    ]).finally(() => other.close());
    expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await services.db.prisma.user.count({ where: { role: 'admin', isActive: true } })).toBe(1);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { PASSWORD, startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let admin: Viewer;
beforeAll(async () => {
  services = await startOwnServices();
  admin = await services.newViewer(await services.newUser('admin'));
});
afterAll(() => services.close());

const userOf = async (id: string) => services.db.prisma.user.findUniqueOrThrow({ where: { id } });

describe('a bot that an admin makes', () => {
  it('belongs to a person, has no password and no rights of an admin, and is listed', async () => {
    const owner = await services.newUser();
    const bot = await services.bots.create(admin, 'helper', owner.id.toUpperCase());
    expect(await userOf(bot.id)).toMatchObject({
      username: 'helper',
      kind: 'bot',
      role: 'user',
      passwordHash: null,
      ownerId: owner.id,
    });
    expect(bot).toEqual({ id: bot.id, ownerId: owner.id, createdAt: expect.any(Date) });
    const other = await services.bots.create(admin, 'other-helper', owner.id);
    expect(await services.bots.list({ first: 2, after: undefined })).toEqual([bot, other]);
    expect(await services.bots.list({ first: 2, after: bot.id })).toEqual([other]);
  });

  it('has an owner who is an active person, and a name of its own', async () => {
    const owner = await services.newUser();
    const bot = await services.bots.create(admin, 'taken', owner.id);
    await expect(services.bots.create(admin, 'TAKEN', owner.id)).rejects.toMatchObject({
      code: 'CONFLICT',
      field: 'username',
    });
    await expect(services.bots.create(admin, 'a b', owner.id)).rejects.toMatchObject({ field: 'username' });
    const inactive = await services.newUser();
    await services.users.update(inactive.id, { isActive: false });
    for (const nobody of [bot.id, inactive.id, crypto.randomUUID(), 'nonsense'])
      await expect(services.bots.create(admin, 'nobodys', nobody)).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
        field: 'ownerId',
      });
  });

  it('signs in nowhere, with an identity at a provider neither', async () => {
    const { id } = await services.bots.create(admin, 'signs-in', (await services.newUser()).id);
    const identity = { issuer: 'https://id.example', subject: 'a person' };
    await services.users.update(id, { externalId: 'bot with an identity' });
    await services.userUpserts.upsert(admin, [{ externalId: 'bot with an identity', identities: [identity] }]);
    const found = await services.externalUsers.findOrCreate({ ...identity, usernames: [] });
    expect(found).toBe(id);
    expect(await services.browserSessions.start(found, undefined)).toBeUndefined();
  });

  it('is made by admins alone, also when they are admins no longer', async () => {
    const owner = await services.newUser();
    const viewer = await services.newViewer(await services.newUser('admin'));
    await services.users.update(viewer.user?.id ?? '', { role: 'user' });
    await expect(services.bots.create(viewer, 'late', owner.id)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('gets no password, and no rights of an admin, but by an operator', async () => {
    const { id } = await services.bots.create(admin, 'plain', (await services.newUser()).id);
    await expect(services.users.setPassword('plain', PASSWORD)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      rule: 'user.bot',
    });
    expect(await services.signIn.authenticate('plain', PASSWORD)).toBeUndefined();
    await expect(services.users.update(id, { role: 'admin' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
      rule: 'user.bot',
    });
    expect(await services.bots.forService('plain', 'admin')).toBe(id);
    expect(await services.users.update(id, { firstName: 'P', role: 'admin' })).toMatchObject({ role: 'admin' });
    expect(await services.users.update(id, { role: 'user' })).toMatchObject({ role: 'user' });
  });
});

describe('the bot of an application', () => {
  it('is the one of its name, or a new one', async () => {
    const id = await services.bots.forService('backend', undefined);
    expect(await userOf(id)).toMatchObject({ username: 'backend', kind: 'bot', role: 'user', ownerId: null });
    expect(await services.bots.forService('backend', 'admin')).toBe(id);
    expect(await userOf(id)).toMatchObject({ role: 'admin' });
    expect(await services.bots.forService('backend', undefined)).toBe(id);
    expect(await userOf(id)).toMatchObject({ role: 'admin' });
  });

  it('is no person, nor somebody whose name looks like that of one', async () => {
    await services.users.create({ username: 'Person', password: PASSWORD });
    for (const [name, field] of [
      ['Person', 'serviceUser'],
      ['person', 'username'],
    ] as const)
      await expect(services.bots.forService(name, undefined)).rejects.toMatchObject({ code: 'CONFLICT', field });
  });

  it('is whom its client_credentials tokens are of, until it is deactivated', async () => {
    const serviceUserId = await services.bots.forService('worker', undefined);
    const { client } = await services.clients.create({ name: 'Worker', grants: ['password'], serviceUserId });
    expect(client).toMatchObject({ userId: serviceUserId, grants: ['password', 'client_credentials'] });
    expect(await services.clients.find(client.id)).toEqual(client);
    const issue = () =>
      services.tokens.issue({ clientId: client.id, userId: client.userId, scopes: ['read'], withRefreshToken: false });
    const viewer = await services.tokens.authenticate((await issue())?.accessToken ?? '');
    expect(viewer?.user).toEqual(toProfile(await userOf(serviceUserId)));
    await services.users.update(serviceUserId, { isActive: false });
    expect(await issue()).toBeUndefined();
  });

  it('is not for an application without a secret', async () => {
    const serviceUserId = await services.bots.forService('worker', undefined);
    const redirectUris = ['http://127.0.0.1/'];
    await expect(
      services.clients.create({ name: 'App', isPublic: true, redirectUris, serviceUserId }),
    ).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field: 'grants' });
  });
});

it('an admin who is a bot does not stand in for the last one who is a person', async () => {
  const others = await services.db.prisma.user.findMany({ where: { role: 'admin', kind: 'human', isActive: true } });
  const [last, ...more] = others.map(({ id }) => id);
  for (const id of more) await services.users.update(id, { role: 'user' });
  const bot = await services.bots.forService('root', 'admin');
  await expect(services.users.update(last ?? '', { isActive: false })).rejects.toMatchObject({ code: 'CONFLICT' });
  expect(await services.users.update(bot, { isActive: false })).toMatchObject({ isActive: false });
});

it('a bot sends as many messages in a second as it may, to all chats together', async () => {
  const slow = await startOwnServices({ botSendsPerSecond: 3 });
  try {
    const bot = toProfile(
      await slow.db.prisma.user.findUniqueOrThrow({ where: { id: await slow.bots.forService('slow', undefined) } }),
    );
    const person = await slow.newUser();
    const chats = [await slow.newChat(bot, person), await slow.newChat(bot, person)];
    const sendAll = async (viewer: Viewer) =>
      Promise.allSettled(
        Array.from({ length: 6 }, (_, index) =>
          slow.messages.send(viewer, { chatId: chats[index % 2]?.id ?? '', content: 'hi' }),
        ),
      );
    const sent = await sendAll(await slow.newViewer(bot));
    expect(sent.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(sent.find((result) => result.status === 'rejected')?.reason).toMatchObject({
      code: 'RATE_LIMITED',
      rule: 'bot.sends',
      retryAfterMs: expect.any(Number),
    });
    const said = await sendAll(await slow.newViewer(person));
    expect(said.filter(({ status }) => status === 'fulfilled')).toHaveLength(6);
  } finally {
    await slow.close();
  }
});

it('a bot is in no presence, and hears of that of others', async () => {
  const bot = toProfile(await userOf(await services.bots.forService('watcher', undefined)));
  const person = await services.newUser();
  await services.newChat(bot, person);
  const [watching, asking] = [await services.newViewer(bot), await services.newViewer(person)];
  const listener = { sessionEnded() {}, viewerChanged() {}, tokenExpiring() {} };
  const session = services.sessions.open(watching, listener);
  try {
    expect(services.presences.size).toBe(0);
    expect(await services.presences.read(asking, [bot.id])).toEqual([]);
    expect(await services.presences.read(watching, [bot.id, person.id])).toMatchObject([{ userId: person.id }]);
    await expect(services.presences.choose(watching, 'away')).rejects.toMatchObject({
      code: 'FORBIDDEN',
      rule: 'user.bot',
    });
  } finally {
    session.close();
  }
});

describe('where everybody makes bots', () => {
  let open: Awaited<ReturnType<typeof startOwnServices>>;
  beforeAll(async () => {
    open = await startOwnServices({ botCreation: 'users' });
  });
  afterAll(() => open.close());
  const page = { first: 100, after: undefined };

  it('people make them for themselves, ten at most, and are told of their own', async () => {
    const [ann, bob] = [await open.newUser(), await open.newUser()];
    const [asAnn, asBob] = [await open.newViewer(ann), await open.newViewer(bob)];
    await expect(open.bots.create(asAnn, 'for-bob', bob.id)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      field: 'ownerId',
    });
    const make = (name: string) => open.bots.create(asAnn, name, ann.id);
    const made: string[] = [];
    for (let index = 0; index < 9; index += 1) made.push((await make(`ann-${index}`)).id);
    for (const result of await Promise.allSettled(['ann-a', 'ann-b', 'ann-c'].map(make)))
      if (result.status === 'fulfilled') made.push(result.value.id);
      else expect(result.reason).toMatchObject({ code: 'CONFLICT', rule: 'bots.full' });
    expect(made).toHaveLength(10);
    await open.bots.create(asBob, 'bobs', bob.id);
    const ids = async (viewer: Viewer) => (await open.bots.listFor(viewer, page)).map(({ id }) => id).sort();
    expect(await ids(asAnn)).toEqual(made.sort());
    expect(await ids(asBob)).toHaveLength(1);
    expect((await ids(await open.newViewer(await open.newUser('admin')))).length).toBeGreaterThan(10);
  });

  it('admins make them for everybody, without that limit, and no program makes one', async () => {
    const [carl, admin] = [await open.newUser(), await open.newViewer(await open.newUser('admin'))];
    for (let index = 0; index < 11; index += 1)
      expect(await open.bots.create(admin, `carl-${index}`, carl.id)).toMatchObject({ ownerId: carl.id });
    await expect(open.bots.create(await open.newViewer(carl), 'one-more', carl.id)).rejects.toMatchObject({
      code: 'CONFLICT',
      rule: 'bots.full',
    });
    const id = await open.bots.forService('maker', undefined);
    const maker = toProfile(await open.db.prisma.user.findUniqueOrThrow({ where: { id } }));
    await expect(open.bots.create(await open.newViewer(maker), 'made', id)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      rule: 'user.bot',
    });
  });

  it('nobody makes one by a sign-in that has ended', async () => {
    const dora = await open.newUser();
    const viewer = await open.newViewer(dora);
    await open.tokens.revokeUserFamilies(dora.id);
    await expect(open.bots.create(viewer, 'late', dora.id)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('the owner of a bot', () => {
  it('changes its names, deactivates and activates it, and nothing else', async () => {
    const admin = await services.newViewer(await services.newUser('admin'));
    const [owner, other] = [await services.newUser(), await services.newUser()];
    const bot = await services.bots.create(admin, 'owned', owner.id);
    const [asOwner, asOther] = [await services.newViewer(owner), await services.newViewer(other)];
    expect(await services.users.update(bot.id, { firstName: 'Renamed' }, asOwner)).toMatchObject({
      firstName: 'Renamed',
    });
    expect(await services.users.update(bot.id, { isActive: false }, asOwner)).toMatchObject({ isActive: false });
    expect(await services.users.update(bot.id, { isActive: true }, asOwner)).toMatchObject({ isActive: true });
    for (const changes of [{ role: 'admin' as const }, { email: 'a@example.org' }, { externalId: 'mine' }])
      await expect(services.users.update(bot.id, changes, asOwner)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    for (const [id, viewer] of [
      [bot.id, asOther],
      [owner.id, asOwner],
      [other.id, asOwner],
      [crypto.randomUUID(), asOwner],
      ['x', asOwner],
    ] as const)
      await expect(services.users.update(id, { firstName: 'No' }, viewer)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(services.bots.create(asOwner, 'another', owner.id)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(services.bots.listFor(asOwner, { first: 1, after: undefined })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
  });
});

it('the owner of a bot renames it, and so does an admin: nobody else, and to no name that is taken', async () => {
  const [owner, stranger] = [await services.newUser(), await services.newUser()];
  const [asOwner, asStranger] = [await services.newViewer(owner), await services.newViewer(stranger)];
  const { id } = await services.bots.create(admin, 'first-name', owner.id);
  await services.bots.create(admin, 'other-name', stranger.id);
  expect(await services.users.update(id, { username: 'second-name' }, asOwner)).toMatchObject({
    username: 'second-name',
    usernameKey: 'second-name',
  });
  const { entries } = await services.auditLog.page({ after: 0, first: 100, action: 'user.updated', actorId: owner.id });
  expect(entries.map(({ target, entry }) => [target, JSON.parse(entry).data])).toEqual([
    [id, { changed: ['username'] }],
  ]);
  await services.users.update(id, { username: 'second-name' }, asOwner);
  await expect(services.users.update(id, { username: 'Other-Name' }, asOwner)).rejects.toMatchObject({
    ...{ code: 'CONFLICT', field: 'username' },
  });
  await expect(services.users.update(id, { username: 'a b' }, asOwner)).rejects.toMatchObject({ field: 'username' });
  for (const [target, viewer] of [
    [id, asStranger],
    [owner.id, asOwner],
  ] as const)
    await expect(services.users.update(target, { username: 'another' }, viewer)).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
  expect(await services.users.update(id, { username: 'third-name' }, admin)).toMatchObject({ username: 'third-name' });
  // The former name is free.
  expect(await services.bots.create(admin, 'second-name', owner.id)).toMatchObject({ ownerId: owner.id });
});

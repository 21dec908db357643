import type { JWTPayload } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { InProcessBus } from '../../../../src/delivery/in-process-bus.js';
import type { Viewer } from '../../../../src/domain/viewer.js';
import { startOwnServices, startServices, type TestServices } from '../../../support/services.js';
import { seconds, startTokenIssuer, type TokenIssuer } from '../../../support/token-issuer.js';

/** A user of its own for each subject; the claim of admins, and names that follow. */
let issuer: TokenIssuer;
/** Makes no users. */
let strict: TokenIssuer;
let services: Awaited<ReturnType<typeof startOwnServices>>;
let another: TestServices;

beforeAll(async () => {
  issuer = await startTokenIssuer();
  strict = await startTokenIssuer();
  const trustedIssuers = [
    issuer.trusted({ admin: { claim: 'realm_access.roles', value: 'chat-admin' }, syncsNames: true }),
    strict.trusted({ createsUsers: false }),
  ];
  services = await startOwnServices({ trustedIssuers });
  another = await startServices(services.database, services.bus, { trustedIssuers });
});
afterEach(() => expect(services.errors.splice(0)).toEqual([]));
afterAll(async () => {
  await another.close();
  await services.close();
  await issuer.close();
  await strict.close();
});

const ADMIN = { realm_access: { roles: ['offline', 'chat-admin'] } };

let count = 0;
/** A subject that is new to the service, and a way to sign for it. */
function newSubject(usual: JWTPayload = {}) {
  count += 1;
  const sub = `subject ${count}`;
  return { sub, sign: (claims: JWTPayload = {}) => issuer.sign({ sub, ...usual, ...claims }) };
}

async function viewerOf(token: string): Promise<Viewer> {
  const viewer = await services.tokens.authenticate(token);
  if (!viewer) throw new Error('The token was refused.');
  return viewer;
}

async function userOf(token: string) {
  const { user } = await viewerOf(token);
  return services.db.prisma.user.findUniqueOrThrow({ where: { id: user?.id ?? '' } });
}

describe('The first token of a subject', () => {
  it('makes a user with the names of its claims, without a password', async () => {
    const { sub, sign } = newSubject();
    const names = { preferred_username: 'jane', given_name: 'Jane', family_name: 'Doe', email: 'jane@example.org' };
    const now = seconds();
    const viewer = await viewerOf(await sign({ ...names, iat: now, exp: now + 60 }));
    expect(viewer).toMatchObject({
      user: { username: 'jane', firstName: 'Jane', lastName: 'Doe', role: 'user' },
      clientId: null,
      scopes: new Set(['read', 'write']),
      expiresAt: new Date((now + 60) * 1000),
      graceMs: 30_000,
    });
    expect(Math.abs(viewer.endsAt - performance.now() - 90_000)).toBeLessThan(3000);
    const { id } = viewer.user ?? {};
    expect(await services.db.prisma.user.findUnique({ where: { id: id ?? '' } })).toMatchObject({
      email: 'jane@example.org',
      passwordHash: null,
    });
    expect(await services.db.prisma.externalIdentity.findMany({ where: { userId: id ?? '' } })).toMatchObject([
      { issuer: issuer.issuer, subject: sub },
    ]);
  });

  it('takes over nobody: a name that is taken gets a suffix, an e-mail address links nothing', async () => {
    await services.users.create({ username: 'mia', password: 'long enough', email: 'mia@example.org' });
    const claims = { preferred_username: 'Mia', email: 'mia@example.org' };
    expect((await userOf(await newSubject(claims).sign())).username).toBe('Mia-2');
    expect((await userOf(await newSubject(claims).sign())).username).toBe('Mia-3');
  });

  it.each([
    ['without unfit characters', `zoë müller! ${'x'.repeat(200)}`, /^zoëmüllerx{131}$/],
    ['of one that has none that fit', '!?', /^user-[a-z0-9]{8}$/],
    ['of none', undefined, /^user-[a-z0-9]{8}$/],
    ['that is no text', 7, /^user-[a-z0-9]{8}$/],
  ])('makes a name %s', async (_name, name, expected) => {
    expect((await userOf(await newSubject({ preferred_username: name }).sign())).username).toMatch(expected);
  });

  it('makes one user, however many processes and requests have it at once', async () => {
    const { sub, sign } = newSubject({ preferred_username: 'many' });
    const token = await sign();
    const viewers = await Promise.all(
      [services, another].flatMap(({ tokens }) => Array.from({ length: 100 }, () => tokens.authenticate(token))),
    );
    expect(new Set(viewers.map((viewer) => viewer?.user?.id)).size).toBe(1);
    expect(viewers[0]?.user?.username).toBe('many');
    expect(new Set(viewers.map((viewer) => viewer?.familyId)).size).toBe(1);
    expect(await services.db.prisma.externalIdentity.findMany({ where: { subject: sub } })).toHaveLength(1);
  });

  it('is refused where the issuer makes no users, until somebody gives the identity to a user', async () => {
    const token = await strict.sign({ sub: 'unknown' });
    expect(await services.tokens.authenticate(token)).toBeUndefined();
    const user = await services.newUser();
    const identity = { issuer: strict.issuer, subject: 'unknown', userId: user.id };
    await services.db.prisma.externalIdentity.create({ data: identity });
    expect((await viewerOf(token)).user?.id).toBe(user.id);
  });
});

it('a user may have an identity at an issuer before the first token', async () => {
  const admin = await services.newViewer(await services.newUser('admin'));
  const identities = [{ issuer: strict.issuer, subject: 'given' }];
  const [user] = await services.userUpserts.upsert(admin, [{ externalId: 'with an identity', identities }]);
  expect((await viewerOf(await strict.sign({ sub: 'given' }))).user?.id).toBe(user?.id);
});

describe('The role', () => {
  it('follows the claim at each new token, and every process knows', async () => {
    const { sign } = newSubject();
    const first = await sign({ iat: seconds() - 20 });
    expect((await viewerOf(first)).user?.role).toBe('user');
    expect((await viewerOf(await sign({ ...ADMIN, iat: seconds() - 10 }))).user?.role).toBe('admin');
    expect((await another.tokens.authenticate(first))?.user?.role).toBe('admin');
    expect((await viewerOf(await sign())).user?.role).toBe('user');
    expect((await another.tokens.authenticate(first))?.user?.role).toBe('user');
  });

  it('is what the newest token says, also when an older one is used for the first time after it', async () => {
    const { sign } = newSubject();
    const older = await sign({ ...ADMIN, iat: seconds() - 30 });
    expect((await viewerOf(await sign())).user?.role).toBe('user');
    expect((await viewerOf(older)).user?.role).toBe('user');
  });

  it('is the issuer’s to give and to take, but not from the last admin, not even from two at once', async () => {
    const own = await startOwnServices({
      trustedIssuers: [issuer.trusted({ admin: { claim: 'realm_access.roles', value: 'chat-admin' } })],
    });
    try {
      const { sign } = newSubject();
      const roleOf = async (token: string) => (await own.tokens.authenticate(token))?.user?.role;
      expect(await roleOf(await sign({ ...ADMIN, iat: seconds() - 20 }))).toBe('admin');
      expect(await roleOf(await sign({ iat: seconds() - 10, given_name: 'Last' }))).toBe('admin');
      const other = newSubject(ADMIN);
      expect(await roleOf(await other.sign({ iat: seconds() - 10 }))).toBe('admin');
      const withoutClaim = { realm_access: {} };
      const roles = await Promise.all([sign(), other.sign(withoutClaim)].map(async (token) => roleOf(await token)));
      expect(roles.sort()).toEqual(['admin', 'user']);
      expect(await own.db.prisma.user.count({ where: { role: 'admin' } })).toBe(1);
    } finally {
      await own.close();
    }
  });

  it('is told to open sessions', async () => {
    const { sign } = newSubject();
    const viewer = await viewerOf(await sign({ iat: seconds() - 20 }));
    const changed = new Promise<void>((resolve) => {
      const session = another.sessions.open(viewer, {
        sessionEnded: () => {},
        tokenExpiring: () => {},
        viewerChanged: () => {
          expect(session.viewer.user?.role).toBe('admin');
          session.close();
          resolve();
        },
      });
    });
    await viewerOf(await sign(ADMIN));
    await changed;
  });

  it('is not undone by an upsert of the user at the same time', async () => {
    const admin = await services.newViewer(await services.newUser('admin'));
    const { sign } = newSubject();
    const { user } = await viewerOf(await sign({ iat: seconds() - 30 }));
    const [externalId, rounds] = ['with a role', 10];
    await services.users.update(user?.id ?? '', { externalId });
    for (let round = 0; round < rounds; round += 1) {
      await viewerOf(await sign({ ...ADMIN, iat: seconds() - 20 + round, jti: `admin ${round}` }));
      await Promise.all([
        services.userUpserts.upsert(admin, [{ externalId, firstName: `Round ${round}` }]),
        viewerOf(await sign({ iat: seconds() - 20 + round, jti: `user ${round}` })),
      ]);
      const role = (await services.db.prisma.user.findUniqueOrThrow({ where: { externalId } })).role;
      expect(role, `round ${round}`).toBe('user');
    }
  });

  it.each([
    ['a list', { roles: ['a', 'chat-admin'] }, 'roles', 'admin'],
    ['a text', { roles: 'a chat-admin' }, 'roles', 'admin'],
    ['a claim named by a URL', { 'https://id.example/roles': ['chat-admin'] }, 'https://id.example/roles', 'admin'],
    ['a longer name', { roles: ['chat-admins'] }, 'roles', 'user'],
    ['an object', { roles: { 'chat-admin': true } }, 'roles', 'user'],
    ['nothing', {}, 'roles', 'user'],
  ])('is read from %s', async (_name, claims, claim, role) => {
    const own = await startTokenIssuer();
    const admin = { claim, value: 'chat-admin' };
    const one = await startServices(services.database, new InProcessBus(), {
      trustedIssuers: [own.trusted({ admin })],
    });
    try {
      expect((await one.tokens.authenticate(await own.sign(claims)))?.user?.role).toBe(role);
    } finally {
      await one.close();
      await own.close();
    }
  });

  it('stays what it is here where the issuer says nothing of roles', async () => {
    const admin = await services.newUser('admin');
    await services.db.prisma.externalIdentity.create({
      data: { issuer: strict.issuer, subject: 'an admin', userId: admin.id },
    });
    expect((await viewerOf(await strict.sign({ sub: 'an admin' }))).user?.role).toBe('admin');
  });
});

it('names follow the claims with sync=on, but not the username; a claim that is not there changes nothing', async () => {
  const { sign } = newSubject();
  await viewerOf(await sign({ preferred_username: 'kim', given_name: 'Kim', family_name: 'Li', iat: seconds() - 20 }));
  const { user } = await viewerOf(await sign({ preferred_username: 'kimberly', given_name: 'Kimberly' }));
  expect(user).toMatchObject({ username: 'kim', firstName: 'Kimberly', lastName: 'Li' });
});

describe('A token of an issuer with id=', () => {
  let own: TokenIssuer;
  let one: TestServices;
  beforeAll(async () => {
    own = await startTokenIssuer();
    one = await startServices(services.database, new InProcessBus(), {
      trustedIssuers: [own.trusted({ idClaim: 'customer', admin: { claim: 'roles', value: 'chat-admin' } })],
    });
  });
  afterAll(async () => {
    await one.close();
    await own.close();
  });
  const newUser = async (externalId: string, kind: 'human' | 'bot' | 'guest' = 'human') => {
    const { id } = await services.newUser();
    return services.db.prisma.user.update({ where: { id }, data: { externalId, kind } });
  };

  it('is of the user with this externalId, whom the backend made', async () => {
    const admin = await services.newViewer(await services.newUser('admin'));
    const [made] = await services.userUpserts.upsert(admin, [{ externalId: 'customer 1', username: 'jo' }]);
    const id = made?.id;
    expect((await one.tokens.authenticate(await own.sign({ sub: 's1', customer: 'customer 1' })))?.user?.id).toBe(id);
    const { id: numbered } = await newUser('4711');
    expect((await one.tokens.authenticate(await own.sign({ sub: 's2', customer: 4711 })))?.user?.id).toBe(numbered);
  });

  it('makes a user with it, once, and goes to another user with another id', async () => {
    const token = await own.sign({ sub: 's3', customer: 'customer 3', iat: seconds() - 20 });
    const viewers = await Promise.all(Array.from({ length: 20 }, () => one.tokens.authenticate(token)));
    const made = await services.db.prisma.user.findMany({ where: { externalId: 'customer 3' } });
    expect(made.map(({ id }) => id)).toEqual([viewers[0]?.user?.id]);
    const other = await one.tokens.authenticate(await own.sign({ sub: 's3', customer: 'customer 4' }));
    expect(other?.user?.id).not.toBe(made[0]?.id);
    expect(await services.db.prisma.externalIdentity.findMany({ where: { subject: 's3' } })).toMatchObject([
      { userId: other?.user?.id },
    ]);
  });

  it('is refused without the claim, and with one that is no externalId', async () => {
    for (const customer of [undefined, '', 'c'.repeat(201), 'a\nb', ['customer 1'], {}, true])
      expect(await one.tokens.authenticate(await own.sign({ sub: 's5', customer }))).toBeUndefined();
  });

  it('is never of a bot, and makes no guest an admin', async () => {
    await newUser('a bot', 'bot');
    expect(await one.tokens.authenticate(await own.sign({ sub: 's6', customer: 'a bot' }))).toBeUndefined();
    await newUser('a guest', 'guest');
    const guest = await one.tokens.authenticate(
      await own.sign({ sub: 's7', customer: 'a guest', roles: ['chat-admin'] }),
    );
    expect(guest?.user).toMatchObject({ kind: 'guest', role: 'user' });
  });
});

describe('A token that was never used here', () => {
  it.each([
    ['were signed out', async (id: string) => services.tokens.revokeUserFamilies(id)],
    [
      'were deactivated, and activated again',
      async (id: string) => {
        for (const isActive of [false, true]) await services.users.update(id, { isActive });
      },
    ],
    [
      'were deactivated by an upsert, and activated again',
      async (id: string) => {
        const admin = await services.newViewer(await services.newUser('admin'));
        const externalId = `ended ${id}`;
        await services.users.update(id, { externalId });
        for (const isActive of [false, true]) await services.userUpserts.upsert(admin, [{ externalId, isActive }]);
      },
    ],
    [
      'got another password of the operator',
      async (id: string) => {
        const { username } = await services.db.prisma.user.findUniqueOrThrow({ where: { id } });
        await services.users.setPassword(username, 'another password');
      },
    ],
  ])('is refused when its user %s after it was issued', async (_name, end) => {
    const { sign } = newSubject();
    const unused = await sign({ iat: seconds() - 10 });
    const { user } = await viewerOf(await sign({ iat: seconds() - 20 }));
    await end(user?.id ?? '');
    const { signInsEndedAt } = await services.db.prisma.user.findUniqueOrThrow({ where: { id: user?.id ?? '' } });
    const second = Math.floor(Number(signInsEndedAt) / 1000);
    // Its `iat` is that of a token of before and of one of after.
    const ofThatSecond = await sign({ iat: second });
    for (const { tokens } of [services, another])
      for (const token of [unused, ofThatSecond]) expect(await tokens.authenticate(token)).toBeUndefined();
    expect((await viewerOf(await sign({ iat: second + 1 }))).user?.id).toBe(user?.id);
  });
});

describe('An externalId that moves to another user', () => {
  it('takes the tokens that name it along, used ones too, and ends what they had begun', async () => {
    const own = await startTokenIssuer();
    const one = await startServices(services.database, new InProcessBus(), {
      trustedIssuers: [own.trusted({ idClaim: 'customer' })],
    });
    try {
      const externalId = 'moving';
      const [before, after] = [await services.newUser(), await services.newUser()];
      await one.users.update(before.id, { externalId });
      const token = await own.sign({ sub: 'mover', customer: externalId, iat: seconds() - 10 });
      const viewer = await one.tokens.authenticate(token);
      expect(viewer?.user?.id).toBe(before.id);
      if (!viewer) throw new Error('The token was refused.');
      const ended = new Promise<void>((resolve) => {
        one.sessions.open(viewer, { sessionEnded: () => resolve(), tokenExpiring: () => {}, viewerChanged: () => {} });
      });
      await one.users.update(before.id, { externalId: null });
      await ended;
      await one.users.update(after.id, { externalId });
      for (let repeat = 0; repeat < 2; repeat += 1)
        expect((await one.viewers.authenticate(token))?.user?.id).toBe(after.id);
    } finally {
      await one.close();
      await own.close();
    }
  });
});

it('a guest who comes by such tokens alone is remembered for 30 days after the last of them', async () => {
  const { sign } = newSubject();
  const { user } = await viewerOf(await sign({ iat: seconds() - 20 }));
  const id = user?.id ?? '';
  const forgetAt = new Date(Date.now() + 1000);
  await services.db.prisma.user.update({ where: { id }, data: { kind: 'guest', forgetAt } });
  const exp = seconds() + 600;
  await viewerOf(await sign({ exp }));
  const guest = await services.db.prisma.user.findUniqueOrThrow({ where: { id } });
  expect(guest.forgetAt).toEqual(new Date((exp + 30 * 86_400) * 1000));
});

it('a role that a token brings or takes is in the audit log, by nobody here, with the issuer; names are not', async () => {
  const { sign } = newSubject();
  const { user } = await viewerOf(await sign({ iat: seconds() - 30 }));
  await viewerOf(await sign({ ...ADMIN, iat: seconds() - 20 }));
  await viewerOf(await sign({ ...ADMIN, iat: seconds() - 15, jti: 'again' }));
  await viewerOf(await sign({ iat: seconds() - 10 }));
  const { entries } = await services.auditLog.page({ after: 0, first: 100, action: 'user.updated' });
  const own = entries.filter(({ target }) => target === user?.id);
  expect(own.map(({ actorId, entry }) => [actorId, JSON.parse(entry).data])).toEqual([
    [null, { changed: ['role'], role: 'admin', issuer: issuer.issuer }],
    [null, { changed: ['role'], role: 'user', issuer: issuer.issuer }],
  ]);
});

describe('A user who is deactivated', () => {
  it('is out on every process at once, whatever the tokens say, and comes back with a new one', async () => {
    const { sign } = newSubject();
    const used = await sign({ iat: seconds() - 20 });
    const unused = await sign({ iat: seconds() - 10 });
    const { user } = await viewerOf(used);
    await another.viewers.authenticate(used);
    await services.users.update(user?.id ?? '', { isActive: false });
    for (const { tokens, viewers } of [services, another]) {
      expect(await tokens.authenticate(used)).toBeUndefined();
      expect(await viewers.authenticate(used)).toBeUndefined();
      expect(await tokens.authenticate(unused)).toBeUndefined();
      expect(await tokens.authenticate(await sign(ADMIN))).toBeUndefined();
    }
    expect(await services.db.prisma.user.findUnique({ where: { id: user?.id ?? '' } })).toMatchObject({ role: 'user' });
    await services.users.update(user?.id ?? '', { isActive: true });
    expect(await services.tokens.authenticate(used)).toBeUndefined();
    expect((await viewerOf(await sign({ iat: seconds() + 1 }))).user?.id).toBe(user?.id);
  });
});

/** The same token with other signatures that fit: with one of the unused bits at its end, and the negated one of ECDSA. */
function resigned(token: string): string[] {
  const [signed, signature = ''] = [token.slice(0, token.lastIndexOf('.')), token.split('.')[2]];
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = characters[characters.indexOf(signature.slice(-1)) + 1];
  const bytes = Buffer.from(signature, 'base64url');
  // https://csrc.nist.gov/pubs/sp/800/186/final: the order of P-256.
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const negated = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const other = Buffer.concat([bytes.subarray(0, 32), Buffer.from(negated.toString(16).padStart(64, '0'), 'hex')]);
  return [`${signed}.${signature.slice(0, -1)}${last}`, `${signed}.${other.toString('base64url')}`];
}

describe('A token', () => {
  it('that is revoked stays refused, however many newer ones its user has', async () => {
    const { sign } = newSubject();
    const token = await sign();
    const { user } = await viewerOf(token);
    const userId = user?.id ?? '';
    await services.tokens.revokeUserFamilies(userId);
    await services.db.pool.query(
      'INSERT INTO token_families (id, user_id) SELECT gen_random_uuid(), $1 FROM generate_series(1, 1000)',
      [userId],
    );
    expect((await viewerOf(await sign({ jti: 'newer', iat: seconds() + 1 }))).user?.id).toBe(userId);
    expect(await services.tokens.authenticate(token)).toBeUndefined();
    const { rows } = await services.db.pool.query<{ count: number }>(
      'SELECT count(*)::int FROM token_families WHERE user_id = $1 AND revoked_at IS NULL',
      [userId],
    );
    expect(rows).toEqual([{ count: 1000 }]);
  });

  it('with another signature that fits is the same token: a revoked one stays refused', async () => {
    const { sign } = newSubject();
    const token = await sign();
    const { user, familyId } = await viewerOf(token);
    for (const other of resigned(token)) expect((await viewerOf(other)).familyId).toBe(familyId);
    await services.tokens.revokeUserFamilies(user?.id ?? '');
    for (const other of [token, ...resigned(token)])
      for (const { tokens } of [services, another]) expect(await tokens.authenticate(other)).toBeUndefined();
  });

  it('that ended with the sign-ins of its user stays refused, on a process that never saw it too', async () => {
    const { sign } = newSubject();
    const token = await sign();
    const { user, familyId } = await viewerOf(token);
    await services.tokens.revokeUserFamilies(user?.id ?? '');
    expect(await services.tokens.authenticate(token)).toBeUndefined();
    expect(await another.tokens.authenticate(token)).toBeUndefined();
    expect((await viewerOf(await sign({ jti: 'another', iat: seconds() + 1 }))).familyId).not.toBe(familyId);
  });

  it('is read from its row after its first use: the issuer is asked for nothing, and no row is added', async () => {
    const { sign } = newSubject();
    const token = await sign();
    const { familyId } = await viewerOf(token);
    const asked = issuer.requests.length;
    for (let time = 0; time < 3; time += 1) expect((await viewerOf(token)).familyId).toBe(familyId);
    expect(issuer.requests).toHaveLength(asked);
  });

  it('gives a ticket that ends with it, leeway included', async () => {
    const viewer = await viewerOf(await newSubject().sign({ exp: seconds() + 5 }));
    const redeemed = await services.tokens.redeemSocketTicket(await services.tokens.createSocketTicket(viewer));
    expect(redeemed).toMatchObject({ user: viewer.user, clientId: null, expiresAt: viewer.expiresAt, graceMs: 30_000 });
    expect(Math.abs((redeemed?.endsAt ?? 0) - viewer.endsAt)).toBeLessThan(100);
  });

  it('is swept away when it has ended', async () => {
    const { familyId } = await viewerOf(await newSubject().sign());
    await services.db.pool.query(
      'UPDATE access_tokens SET expires_at = now() - make_interval(secs => 1) WHERE family_id = $1',
      [familyId],
    );
    await services.tokens.deleteExpired();
    expect(await services.db.prisma.tokenFamily.findUnique({ where: { id: familyId } })).toBeNull();
  });

  it('is kept from growing without bound: of a user the newest thousand', async () => {
    const { sign } = newSubject();
    const { user } = await viewerOf(await sign());
    await services.db.pool.query(
      `INSERT INTO token_families (id, user_id, created_at)
       SELECT gen_random_uuid(), $1, now() - interval '1 hour' FROM generate_series(1, 1005)`,
      [user?.id],
    );
    await viewerOf(await sign({ jti: 'one more' }));
    expect(await services.db.prisma.tokenFamily.count({ where: { userId: user?.id ?? '' } })).toBe(1000);
  });

  it('is nothing to the endpoints that speak of our own tokens', async () => {
    const token = await newSubject().sign();
    await viewerOf(token);
    expect(await services.tokens.describe(token)).toBeUndefined();
    await services.tokens.revoke(token, 'app');
    expect(await services.tokens.authenticate(token)).toBeDefined();
  });
});

it('without trusted issuers no token of theirs is read, and no statement is made for it', async () => {
  const plain = await startServices(services.database);
  try {
    const token = await issuer.sign();
    const asked = issuer.requests.length;
    expect(await plain.tokens.authenticate(token)).toBeUndefined();
    expect(issuer.requests).toHaveLength(asked);
  } finally {
    await plain.close();
  }
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InProcessBus } from '../../src/delivery/in-process-bus.js';
import type { SessionEnd, SessionListener } from '../../src/delivery/session.js';
import { Sessions, type TokenFamilies } from '../../src/delivery/sessions.js';
import type { Viewer } from '../../src/domain/viewer.js';
import { deferred } from '../support/deferred.js';
import { ResettableBus } from '../support/resettable-bus.js';
import { PASSWORD, startOwnServices, startServices, type TestServices, viewerOf } from '../support/services.js';

/** Nobody's sign-in goes on, and nothing is remembered of any. */
const FORGETFUL: TokenFamilies = {
  aliveFamilies: async () => new Map(),
  forgetFamilies: () => {},
  forgetUser: () => {},
};

let one: Awaited<ReturnType<typeof startOwnServices>>;
/** A second process on the same database and, as Redis would make it, the same bus. */
let two: TestServices;
let clientId: string;

beforeAll(async () => {
  one = await startOwnServices();
  two = await startServices(one.database, one.bus);
  clientId = (await one.clients.create({ name: 'Test', grants: ['password', 'refresh_token'] })).client.id;
});

afterAll(async () => {
  await two.close();
  await one.close();
});

/** A signed-in user, with the token and who holds it. */
async function signIn(username: string) {
  const user = await one.users.create({ username, password: PASSWORD });
  const issue = async () => {
    const issued = await one.tokens.issue({ clientId, userId: user.id, scopes: ['read'], withRefreshToken: true });
    const viewer = await one.tokens.authenticate(issued?.accessToken ?? '');
    if (!issued?.refreshToken || !viewer) throw new Error('No token was issued.');
    return { accessToken: issued.accessToken, refreshToken: issued.refreshToken, viewer };
  };
  return { user, issue, ...(await issue()) };
}

/** A listener whose calls can be waited for. */
function listener() {
  const heard: { changes: number; warnings: Date[] } = { changes: 0, warnings: [] };
  const ended = deferred<SessionEnd>();
  const changed = deferred<void>();
  const warned = deferred<Date>();
  const calls: SessionListener = {
    sessionEnded: ended.resolve,
    viewerChanged: () => {
      heard.changes += 1;
      changed.resolve();
    },
    tokenExpiring: warned.resolve,
  };
  return { calls, heard, ended: ended.promise, changed: changed.promise, warned: warned.promise };
}

const expiringIn = (viewer: Viewer, ms: number): Viewer => ({
  ...viewer,
  expiresAt: new Date(Date.now() + ms),
  endsAt: performance.now() + ms,
});

describe('what is open under a token', () => {
  it('ends on every process when the token is revoked, and that of other sign-ins goes on', async () => {
    const ann = await signIn('ann');
    const other = await ann.issue();
    const [here, there, elsewhere] = [listener(), listener(), listener()];
    one.sessions.open(ann.viewer, here.calls);
    two.sessions.open(ann.viewer, there.calls);
    const untouched = two.sessions.open(other.viewer, elsewhere.calls);
    await one.tokens.revoke(ann.refreshToken, clientId);
    expect(await Promise.all([here.ended, there.ended])).toEqual(['token_revoked', 'token_revoked']);
    expect(two.sessions.size).toBe(1);
    untouched.close();
  });

  it('ends also when the revocation came between the check of the token and the opening', async () => {
    const bob = await signIn('bob');
    await one.tokens.revoke(bob.accessToken, clientId);
    const late = listener();
    two.sessions.open(bob.viewer, late.calls);
    expect(await late.ended).toBe('token_revoked');
  });

  it('goes on when its refresh token is rotated', async () => {
    const cid = await signIn('cid');
    const heard = listener();
    const session = one.sessions.open(cid.viewer, heard.calls);
    const result = await one.tokens.rotate({ refreshToken: cid.refreshToken, clientId, scopes: undefined });
    expect(result.outcome).toBe('rotated');
    expect(one.sessions.size).toBe(1);
    session.close();
  });

  it('ends when the user is deactivated, on every process', async () => {
    const dan = await signIn('dan');
    const [here, there] = [listener(), listener()];
    one.sessions.open(dan.viewer, here.calls);
    two.sessions.open(dan.viewer, there.calls);
    await one.users.update(dan.user.id, { isActive: false });
    expect(await Promise.all([here.ended, there.ended])).toEqual(['token_revoked', 'token_revoked']);
  });

  it('hears of a new role, and has the viewer as of now', async () => {
    const eve = await signIn('eve');
    const heard = listener();
    const session = two.sessions.open(eve.viewer, heard.calls);
    await one.users.update(eve.user.id, { role: 'admin' });
    await heard.changed;
    expect(session.viewer.user?.role).toBe('admin');
    session.close();
  });

  it('ends with its token’s time, a minute after the warning', async () => {
    const fay = await signIn('fay');
    const [soon, over] = [listener(), listener()];
    const session = one.sessions.open(expiringIn(fay.viewer, 30_000), soon.calls);
    one.sessions.open(expiringIn(fay.viewer, 10), over.calls);
    expect((await soon.warned).getTime()).toBe(session.viewer.expiresAt.getTime());
    expect(await over.ended).toBe('token_expired');
    session.close();
  });

  it('goes on under another token of the same user, and under nobody else’s', async () => {
    const [gus, hal] = [await signIn('gus'), await signIn('hal')];
    const heard = listener();
    const session = one.sessions.open(gus.viewer, heard.calls);
    const next = await gus.issue();
    session.renew(next.viewer);
    expect(() => session.renew(hal.viewer)).toThrow('another user');
    await one.tokens.revoke(gus.accessToken, clientId);
    expect(session.viewer.familyId).toBe(next.viewer.familyId);
    expect(one.sessions.size).toBe(1);
    await one.tokens.revoke(next.accessToken, clientId);
    expect(await heard.ended).toBe('token_revoked');
  });

  it('ends also when the token it was renewed with was revoked while it was checked', async () => {
    const jon = await signIn('jon');
    const next = await jon.issue();
    const heard = listener();
    const session = one.sessions.open(jon.viewer, heard.calls);
    await one.tokens.revoke(next.accessToken, clientId);
    session.renew(next.viewer);
    expect(await heard.ended).toBe('token_revoked');
  });

  it('hears of what became of its user between the check of the token and the opening', async () => {
    const kim = await signIn('kim');
    await one.users.update(kim.user.id, { role: 'admin' });
    const late = listener();
    const session = two.sessions.open(kim.viewer, late.calls);
    expect(session.viewer.user?.role).toBe('user');
    await late.changed;
    expect(session.viewer.user?.role).toBe('admin');
    session.close();
  });

  it('hears of what became of its user while the token was checked that it was renewed with', async () => {
    const lea = await signIn('lea');
    const heard = listener();
    const session = two.sessions.open(lea.viewer, heard.calls);
    const next = await lea.issue();
    await one.users.update(lea.user.id, { role: 'admin' });
    await heard.changed;
    session.renew(next.viewer);
    expect(session.viewer.user?.role).toBe('user');
    await expect.poll(() => session.viewer.user?.role).toBe('admin');
    expect(heard.heard.changes).toBe(2);
    session.close();
  });

  it('believes the newer of two readings that overtake each other', async () => {
    const mia = await signIn('mia');
    const held: (() => void)[] = [];
    // Readings that were made in their order are answered when the test says so.
    const tokenFamilies: TokenFamilies = {
      async aliveFamilies(familyIds) {
        const alive = await one.tokens.aliveFamilies(familyIds);
        await new Promise<void>((resolve) => held.push(resolve));
        return alive;
      },
      forgetFamilies: () => {},
      forgetUser: () => {},
    };
    const bus = new InProcessBus();
    const sessions = await Sessions.start(bus, tokenFamilies, { recheckIntervalMs: 3_600_000, onError: () => {} });
    const heard = listener();
    const session = sessions.open(mia.viewer, heard.calls);
    for (const role of ['admin', 'user'] as const) {
      const readings = held.length;
      await one.users.update(mia.user.id, { role });
      void sessions.announceUserChanged(mia.user.id);
      await expect.poll(() => held.length).toBe(readings + 1);
    }
    for (const answer of held.reverse()) answer();
    await new Promise((resolve) => setImmediate(resolve));
    expect(session.viewer.user?.role).toBe('user');
    expect(heard.heard.changes).toBe(0);
    sessions.close();
  });

  it('ends when the bus is back that was away when the token was revoked', async () => {
    const bus = new ResettableBus();
    const process = await startServices(one.database, bus, { recheckIntervalMs: 3_600_000 });
    const nia = await signIn('nia');
    const heard = listener();
    process.sessions.open(nia.viewer, heard.calls);
    await one.tokens.revoke(nia.accessToken, clientId);
    bus.reset();
    expect(await heard.ended).toBe('token_revoked');
    await process.close();
  });

  it('ends by the re-check when no notice came', async () => {
    const process = await startServices(one.database, undefined, { recheckIntervalMs: 50 });
    const ida = await signIn('ida');
    const heard = listener();
    process.sessions.open(ida.viewer, heard.calls);
    await one.tokens.revoke(ida.accessToken, clientId);
    expect(await heard.ended).toBe('token_revoked');
    await process.close();
  });

  it('ends by a re-check that a notice of an unknown kind asks for, of which there are few', async () => {
    const bus = new InProcessBus();
    const asked: string[][] = [];
    const tokenFamilies: TokenFamilies = {
      async aliveFamilies(familyIds) {
        asked.push([...familyIds]);
        return new Map();
      },
      forgetFamilies: () => {},
      forgetUser: () => {},
    };
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    const sessions = await Sessions.start(bus, tokenFamilies, { recheckIntervalMs: 3_600_000, onError });
    const heard = listener();
    sessions.open(viewerOf(null), heard.calls);
    const unknown = [
      ...['', 'nonsense', 'null', '[]', '{"type":"family.merged"}', '{"type":"families.revoked"}'],
      ...['{"type":"families.revoked","familyIds":["x"]}', '{"type":"user.changed","userId":7}'],
      JSON.stringify({ type: 'families.revoked', familyIds: Array(1001).fill(crypto.randomUUID()) }),
    ];
    for (const notice of unknown) await bus.publish('control', notice);
    expect(await heard.ended).toBe('token_revoked');
    expect([asked.length, errors.length]).toEqual([1, 1]);
    sessions.close();
  });

  it('ends with thousands of others in as many notices as it takes', async () => {
    const bus = new InProcessBus();
    const sessions = await Sessions.start(bus, FORGETFUL, { recheckIntervalMs: 3_600_000, onError: () => {} });
    const viewers = Array.from({ length: 2500 }, () => viewerOf(null));
    for (const viewer of viewers) sessions.open(viewer, listener().calls);
    await sessions.announceRevoked(viewers.map(({ familyId }) => familyId));
    expect(sessions.size).toBe(0);
    sessions.close();
  });

  it('is all that a notice of it looks at', async () => {
    const bus = new InProcessBus();
    const sessions = await Sessions.start(bus, FORGETFUL, { recheckIntervalMs: 3_600_000, onError: () => {} });
    const userOf = (username: string) => ({
      ...{ id: crypto.randomUUID(), username, firstName: '', lastName: '' },
      ...{ role: 'user' as const, kind: 'human' as const, dateJoined: '' },
    });
    let looks = 0;
    const others = Array.from({ length: 1000 }, (_, index) => {
      const { familyId, user, ...viewer } = viewerOf(userOf(`other${index}`));
      return {
        ...viewer,
        get familyId() {
          looks += 1;
          return familyId;
        },
        get user() {
          looks += 1;
          return user;
        },
      };
    });
    for (const other of others) sessions.open(other, listener().calls);
    const [one, two] = [viewerOf(userOf('ann')), viewerOf(userOf('bob'))];
    const [ann, bob] = [listener(), listener()];
    sessions.open(one, ann.calls);
    sessions.open(two, bob.calls);
    looks = 0;
    await sessions.announceRotated(one.familyId);
    await sessions.announceRevoked([one.familyId]);
    await sessions.announceUserChanged(two.user?.id ?? '');
    expect(await Promise.all([ann.ended, bob.ended])).toEqual(['token_revoked', 'token_revoked']);
    expect([looks, sessions.size]).toEqual([0, 1000]);
    sessions.close();
  });

  it('leaves nothing behind when it is closed', () => {
    expect(one.sessions.size + two.sessions.size).toBe(0);
  });
});

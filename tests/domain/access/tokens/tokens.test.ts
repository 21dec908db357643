import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newToken } from '../../../../src/domain/access/tokens/opaque-token.js';
import { Tokens } from '../../../../src/domain/access/tokens/tokens.js';
import type { UserProfile } from '../../../../src/domain/profile.js';
import { sameViewer, startOwnServices } from '../../../support/services.js';

describe('Tokens', () => {
  let services: Awaited<ReturnType<typeof startOwnServices>>;
  let tokens: Tokens;
  let ann: UserProfile;
  const revoked: string[] = [];
  const clientId = 'app';

  beforeAll(async () => {
    services = await startOwnServices();
    await services.clients.create({ name: 'App', id: clientId, grants: ['password', 'refresh_token'] });
    const lifetimes = {
      accessTokenSeconds: 3600,
      refreshTokenSeconds: 7200,
      refreshTokenAbsoluteSeconds: 86_400,
      refreshGraceSeconds: 10,
    };
    tokens = new Tokens(services.db, lifetimes, (familyIds) => revoked.push(...familyIds));
  });
  afterAll(() => services.close());
  beforeEach(async () => {
    revoked.splice(0);
    ann = await services.newUser();
  });

  async function issue(userId: string | null = ann.id) {
    const issued = await tokens.issue({ clientId, userId, scopes: ['read', 'write'], withRefreshToken: true });
    const viewer = await tokens.authenticate(issued?.accessToken ?? '');
    if (!issued?.refreshToken || !viewer) throw new Error('No tokens were issued.');
    return { access: issued.accessToken, refresh: issued.refreshToken, viewer };
  }
  const sql = (text: string, ...values: unknown[]) => services.db.pool.query(text, values);

  describe('authenticate', () => {
    it('gives the holder, the scopes and the end of an access token', async () => {
      const before = Date.now();
      const { viewer } = await issue();
      expect(viewer).toEqual({
        user: ann,
        clientId,
        familyId: expect.any(String),
        scopes: new Set(['read', 'write']),
        expiresAt: expect.any(Date),
        endsAt: expect.any(Number),
        graceMs: 0,
      });
      expect(Math.abs(viewer.expiresAt.getTime() - before - 3_600_000)).toBeLessThan(5000);
    });

    it('gives no user for a client that acts for itself', async () => {
      expect((await issue(null)).viewer.user).toBeNull();
    });

    it('refuses a token that is expired, of an ended family, or of a user who is not active', async () => {
      const expired = await issue();
      await sql(
        'UPDATE access_tokens SET expires_at = now() - make_interval(secs => 1) WHERE family_id = $1',
        expired.viewer.familyId,
      );
      expect(await tokens.authenticate(expired.access)).toBeUndefined();
      const ended = await issue();
      await sql('UPDATE token_families SET revoked_at = now() WHERE id = $1', ended.viewer.familyId);
      expect(await tokens.authenticate(ended.access)).toBeUndefined();
      const inactive = await issue();
      await sql('UPDATE users SET is_active = false WHERE id = $1', ann.id);
      expect(await tokens.authenticate(inactive.access)).toBeUndefined();
    });

    it('answers for each of those that are asked together, also for the same one twice', async () => {
      const bob = await services.newUser();
      const [ofAnn, ofBob, ended] = [await issue(), await issue(bob.id), await issue()];
      await sql('UPDATE token_families SET revoked_at = now() WHERE id = $1', ended.viewer.familyId);
      const asked = [ofBob, ended, ofAnn, ofBob].map(({ access }) => access);
      const viewers = await Promise.all([...asked, newToken('access')].map((token) => tokens.authenticate(token)));
      expect(viewers).toEqual([
        sameViewer(ofBob.viewer),
        undefined,
        sameViewer(ofAnn.viewer),
        sameViewer(ofBob.viewer),
        undefined,
      ]);
    });

    it('refuses what cannot be a token without asking the database', async () => {
      const { access, refresh } = await issue();
      const noDatabase = new Tokens(
        Object.create(services.db, { pool: { get: () => expect.unreachable('The database was asked.') } }),
        { accessTokenSeconds: 1, refreshTokenSeconds: 1, refreshTokenAbsoluteSeconds: 1, refreshGraceSeconds: 0 },
        () => {},
      );
      for (const text of [
        '',
        'x',
        refresh,
        `${access}x`,
        access.slice(0, -1),
        access.toUpperCase(),
        `cat_${'é'.repeat(43)}`,
      ])
        expect(await noDatabase.authenticate(text)).toBeUndefined();
    });
  });

  it('makes every secret that it hands out of 256 random bits, behind a prefix that tells what it is', () => {
    const kinds = ['access', 'refresh', 'ticket', 'code', 'browserSession', 'clientSecret'] as const;
    const prefixes = kinds.map((kind) => {
      const made = Array.from({ length: 200 }, () => newToken(kind));
      const random = made.map((token) => Buffer.from(token.slice(4), 'base64url'));
      expect(new Set(made).size).toBe(200);
      expect(random.every((bytes) => bytes.length === 32)).toBe(true);
      // Each bit is one in half of them; 60 more or less is eight times the standard deviation.
      const ones = (bit: number) => random.filter((bytes) => ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1).length;
      const counts = Array.from({ length: 256 }, (_, bit) => ones(bit));
      expect(Math.min(...counts)).toBeGreaterThan(40);
      expect(Math.max(...counts)).toBeLessThan(160);
      return made[0]?.slice(0, 4);
    });
    expect(prefixes).toEqual(['cat_', 'crt_', 'cst_', 'cac_', 'cbs_', 'ccs_']);
  });

  it('stores no token in clear', async () => {
    const { access, refresh, viewer } = await issue();
    const ticket = await tokens.createSocketTicket(viewer);
    const rotated = await tokens.rotate({ refreshToken: refresh, clientId, scopes: undefined });
    const successors = rotated.outcome === 'rotated' ? [rotated.tokens.accessToken, rotated.tokens.refreshToken] : [];
    expect(successors).toHaveLength(2);
    const tables = ['token_families', 'access_tokens', 'refresh_tokens', 'socket_tickets'];
    const dumps = await Promise.all(tables.map((table) => sql(`SELECT t::text AS row FROM ${table} t`)));
    const dump = JSON.stringify(dumps.map((result) => result.rows));
    for (const secret of [access, refresh, ticket, ...successors]) {
      const random = String(secret).slice(4);
      expect(dump).not.toContain(random);
      expect(dump).not.toContain(Buffer.from(random, 'base64url').toString('hex'));
    }
  });

  it('issues nothing to a user who is not active any more, or for a client that is gone', async () => {
    await sql('UPDATE users SET is_active = false WHERE id = $1', ann.id);
    const family = { clientId, userId: ann.id, scopes: ['read'] as const, withRefreshToken: true };
    expect(await tokens.issue(family)).toBeUndefined();
    expect(await tokens.issue({ ...family, userId: null, clientId: 'gone' })).toBeUndefined();
  });

  describe('revokeUserFamilies', () => {
    it('ends every sign-in of the user but the one that asks, and tells which', async () => {
      const [kept, one, two] = [await issue(), await issue(), await issue()];
      const other = await services.newUser();
      const others = await issue(other.id);
      await tokens.revokeUserFamilies(ann.id, kept.viewer.familyId);
      expect(revoked.sort()).toEqual([one.viewer.familyId, two.viewer.familyId].sort());
      expect(await tokens.authenticate(one.access)).toBeUndefined();
      expect(await tokens.authenticate(kept.access)).toBeDefined();
      expect(await tokens.authenticate(others.access)).toBeDefined();
      await tokens.revokeUserFamilies(ann.id);
      expect(await tokens.authenticate(kept.access)).toBeUndefined();
    });

    it('tells nobody when there was nothing to end', async () => {
      await tokens.revokeUserFamilies(ann.id);
      expect(revoked).toEqual([]);
    });
  });

  it('knows in one query which families are alive, with their users as they are now', async () => {
    const [alive, ended, itself] = [await issue(), await issue(), await issue(null)];
    await tokens.revoke(ended.refresh, clientId);
    await sql("UPDATE users SET role = 'admin' WHERE id = $1", ann.id);
    const ids = [alive, ended, itself].map(({ viewer }) => viewer.familyId);
    expect(await tokens.aliveFamilies([...ids, crypto.randomUUID()])).toEqual(
      new Map([
        [alive.viewer.familyId, { user: { ...ann, role: 'admin' } }],
        [itself.viewer.familyId, { user: null }],
      ]),
    );
    await sql('UPDATE users SET is_active = false WHERE id = $1', ann.id);
    expect([...(await tokens.aliveFamilies(ids)).keys()]).toEqual([itself.viewer.familyId]);
  });

  describe('socket tickets', () => {
    it('stand for the viewer once', async () => {
      const { viewer } = await issue();
      const ticket = await tokens.createSocketTicket(viewer);
      expect(ticket).toMatch(/^cst_[\w-]{43}$/);
      expect(await tokens.redeemSocketTicket(ticket)).toEqual(sameViewer(viewer));
      expect(await tokens.redeemSocketTicket(ticket)).toBeUndefined();
    });

    it('let one of ten in that come at once', async () => {
      const ticket = await tokens.createSocketTicket((await issue()).viewer);
      const viewers = await Promise.all(Array.from({ length: 10 }, () => tokens.redeemSocketTicket(ticket)));
      expect(viewers.filter((viewer) => viewer !== undefined)).toHaveLength(1);
    });

    it('survive a refresh, as the socket would', async () => {
      const { refresh, viewer } = await issue();
      const ticket = await tokens.createSocketTicket(viewer);
      await tokens.rotate({ refreshToken: refresh, clientId, scopes: undefined });
      expect(await tokens.redeemSocketTicket(ticket)).toEqual(sameViewer(viewer));
    });

    it('end after 30 s, with their token, with their family, and with their user', async () => {
      const ticketOf = async () => {
        const { viewer, access } = await issue();
        return { access, ticket: await tokens.createSocketTicket(viewer) };
      };
      const late = await ticketOf();
      const { rows } = await sql('SELECT extract(epoch FROM expires_at - now()) AS seconds FROM socket_tickets');
      expect(Number(rows[0].seconds)).toBeGreaterThan(25);
      expect(Number(rows[0].seconds)).toBeLessThanOrEqual(30);
      await sql('UPDATE socket_tickets SET expires_at = now() - make_interval(secs => 1)');
      expect(await tokens.redeemSocketTicket(late.ticket)).toBeUndefined();
      const expired = await ticketOf();
      await sql('UPDATE socket_tickets SET token_expires_at = now() - make_interval(secs => 1)');
      expect(await tokens.redeemSocketTicket(expired.ticket)).toBeUndefined();
      const ended = await ticketOf();
      await tokens.revoke(ended.access, clientId);
      expect(await tokens.redeemSocketTicket(ended.ticket)).toBeUndefined();
      const inactive = await ticketOf();
      await sql('UPDATE users SET is_active = false WHERE id = $1', ann.id);
      expect(await tokens.redeemSocketTicket(inactive.ticket)).toBeUndefined();
    });

    it('are not made for a sign-in that has ended', async () => {
      const { refresh, viewer } = await issue();
      await tokens.revoke(refresh, clientId);
      await expect(tokens.createSocketTicket(viewer)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    });
  });

  it('deletes what can never be used again, and nothing else', async () => {
    await sql('DELETE FROM token_families');
    const [alive, ended, over] = [await issue(), await issue(), await issue()];
    const rotated = await tokens.rotate({ refreshToken: alive.refresh, clientId, scopes: undefined });
    await tokens.revoke(ended.access, clientId);
    for (const table of ['access_tokens', 'refresh_tokens'])
      await sql(
        `UPDATE ${table} SET expires_at = now() - make_interval(secs => 1) WHERE family_id = $1`,
        over.viewer.familyId,
      );
    const ticket = await tokens.createSocketTicket(alive.viewer);
    expect(await tokens.deleteExpired()).toEqual({
      families: 1,
      accessTokens: 1,
      refreshTokens: 1,
      authorizationCodes: 0,
      socketTickets: 0,
      browserSessions: 0,
    });
    expect(await services.db.prisma.tokenFamily.count()).toBe(2);
    expect(await tokens.redeemSocketTicket(ticket)).toBeDefined();
    // The used refresh token is still known for what it is, and its answer may still be asked for again.
    expect(await tokens.rotate({ refreshToken: alive.refresh, clientId, scopes: undefined })).toEqual(rotated);
    await sql("UPDATE refresh_tokens SET consumed_at = consumed_at - interval '11 seconds'");
    await tokens.deleteExpired();
    const reused = await tokens.rotate({ refreshToken: alive.refresh, clientId, scopes: undefined });
    expect(reused).toEqual({ outcome: 'reused', familyId: alive.viewer.familyId });
    expect(revoked).toContain(alive.viewer.familyId);
  });
});

import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BrowserSessions } from '../../src/domain/access/browser-sessions.js';
import { Clients } from '../../src/domain/access/clients.js';
import { SignIn } from '../../src/domain/access/sign-in.js';
import { Tokens } from '../../src/domain/access/tokens/tokens.js';
import { Attempts, DEFAULT_ATTEMPT_LIMITS } from '../../src/domain/credentials/attempts.js';
import { MemoryAttemptStore } from '../../src/domain/credentials/memory-attempt-store.js';
import { PasswordHasher } from '../../src/domain/credentials/passwords.js';
import { ExternalUsers } from '../../src/domain/people/external-users.js';
import { oauthPlugin } from '../../src/oauth/plugin.js';
import { createDatabase } from '../../src/plugins/database/client.js';

describe('Without its database', () => {
  const app = Fastify({ routerOptions: { ignoreTrailingSlash: true } });
  // Port 1 of the loopback address: nobody listens there.
  const db = createDatabase({ url: 'postgresql://nobody@127.0.0.1:1/none', embedded: false });

  beforeAll(async () => {
    const hasher = new PasswordHasher();
    const attempts = new Attempts(new MemoryAttemptStore(), DEFAULT_ATTEMPT_LIMITS);
    const lifetimes = {
      accessTokenSeconds: 1,
      refreshTokenSeconds: 1,
      refreshTokenAbsoluteSeconds: 1,
      refreshGraceSeconds: 0,
    };
    const tokens = new Tokens(db, lifetimes, () => {});
    await app.register(oauthPlugin, {
      clients: new Clients(db, hasher, attempts),
      tokens,
      signIn: new SignIn(db, hasher, attempts),
      browserSessions: new BrowserSessions(db),
      externalUsers: new ExternalUsers(db),
    });
  });
  afterAll(async () => {
    await app.close();
    await db.close();
  });

  it.each(['token', 'revoke_token', 'introspect'])('/oauth/%s/ answers 503 temporarily_unavailable', async (name) => {
    const form = {
      grant_type: 'client_credentials',
      token: `cat_${'A'.repeat(43)}`,
      client_id: 'x',
      client_secret: 'x',
    };
    const response = await app.inject({
      method: 'POST',
      url: `/oauth/${name}/`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams(form).toString(),
    });
    expect(response.statusCode).toBe(503);
    expect(response.json()).toMatchObject({ error: 'temporarily_unavailable' });
    expect(response.headers).toMatchObject({ 'retry-after': '1', 'cache-control': 'no-store', pragma: 'no-cache' });
  });
});

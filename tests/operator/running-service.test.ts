import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { type ConfiguredDatabase, configureDatabase } from '../support/configured-database.js';
import { manage } from '../support/manage.js';
import { RawSocket } from '../support/raw-socket.js';

const PASSWORD = 'correct horse battery';

let database: ConfiguredDatabase;
let app: FastifyInstance;
let origin: string;
let credentials: Record<string, string>;

/** What a command that has to succeed prints. */
async function answer(...args: string[]): Promise<string> {
  const outcome = await manage(database, args);
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  return outcome.stdout;
}

async function signIn(username: string, password: string): Promise<{ status: number; token: string }> {
  const form = { grant_type: 'password', username, password, ...credentials };
  const response = await fetch(`${origin}/oauth/token/`, { method: 'POST', body: new URLSearchParams(form) });
  const { access_token: token = '' }: { access_token?: string } = JSON.parse(await response.text());
  return { status: response.status, token };
}

beforeAll(async () => {
  database = await configureDatabase();
  const config = loadConfig({ ...database.environment, NODE_ENV: 'test', LOG_LEVEL: 'silent' }, database.folder);
  // Without Redis a running service hears of a command's changes by looking. What it would remove itself is left for the command.
  const sweepIntervalMs = 3_600_000;
  app = await buildApp(config, {
    services: config.redisUrl ? { sweepIntervalMs } : { sweepIntervalMs, recheckIntervalMs: 200 },
  });
  origin = await app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await app.close();
  await database.remove();
});

describe('while the service runs on the same database', { timeout: 60_000 }, () => {
  it('commands make users and applications that it knows at once', async () => {
    const printed = await answer('createapplication', '--name', 'App', '--grants', 'password');
    const [, clientId = '', clientSecret = ''] = /client_id: (\S+)\nclient_secret: (\S+)\n/.exec(printed) ?? [];
    credentials = { client_id: clientId, client_secret: clientSecret };
    await answer('createuser', '--username', 'ann', '--password', PASSWORD);
    expect((await signIn('ann', PASSWORD)).status).toBe(200);
  });

  it('a changed password ends the sign-ins of before, and what is open under them', async () => {
    await answer('createuser', '--username', 'bob', '--password', PASSWORD, '--role', 'admin');
    await app.services.chats.create('general');
    const { token } = await signIn('bob', PASSWORD);
    const authorization = `Bearer ${token}`;
    const socket = await RawSocket.open(`${origin.replace('http', 'ws')}/ws/chat/general/`, {
      headers: { authorization },
    });
    await answer('changepassword', '--username', 'bob', '--password', 'battery staple');
    expect(await socket.closed).toEqual({ code: 4403, reason: 'token_revoked' });
    const query = encodeURIComponent('{ me { id } }');
    expect((await fetch(`${origin}/graphql/?query=${query}`, { headers: { authorization } })).status).toBe(401);
    expect((await signIn('bob', PASSWORD)).status).toBe(400);
    expect((await signIn('bob', 'battery staple')).status).toBe(200);
  });

  it('cleartokens removes what has ended once it has expired, and counts it', async () => {
    expect(await answer('cleartokens')).toMatch(/^sign-ins: 0\naccess tokens: 0\n/);
    await app.db.pool.query(`UPDATE access_tokens SET expires_at = now() - make_interval(secs => 1)
      WHERE family_id IN (SELECT id FROM token_families WHERE revoked_at IS NOT NULL)`);
    expect(await answer('cleartokens')).toMatch(/^sign-ins: 1\naccess tokens: 1\n/);
  });
});

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StreamRefused } from '../support/frame-queue.js';
import { dumpOf, expectNoSecretLeft } from '../support/left-behind.js';
import { type Service, startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';
import { formsOf, WebBrowser } from '../support/web-browser.js';

const REDIRECT_URI = 'https://app.example/callback';
const VERIFIER = 'verifier-of-this-test-0123456789-0123456789';
const CHOSEN_SECRET = 'a secret that somebody chose';
const NEW_PASSWORD = 'another password entirely';
const WRONG_PASSWORD = 'mistyped password of mine';
const MESSAGE = 'a message for members only';

/** Through every door there is, right and wrong, and then a look at all that is left behind. */
describe('After tokens and passwords went through everything', { timeout: 60_000 }, () => {
  const secrets = new Map<string, string>();
  let team: Awaited<ReturnType<typeof startTeam>>;
  let service: Service;
  let dump: string;

  const keep = (name: string, secret: unknown): string => {
    if (typeof secret !== 'string' || secret.length < 8) throw new Error(`There is no ${name}.`);
    secrets.set(name, secret);
    return secret;
  };
  const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(service.origin + path, { method: 'POST', body: new URLSearchParams(form), headers });

  beforeAll(async () => {
    team = await startTeam();
    service = team.first;
    await goEverywhere();
    dump = await dumpOf(service.app.db.pool);
  });
  afterAll(() => team.close());

  async function goEverywhere(): Promise<void> {
    keep('password', PASSWORD);
    keep('generated client secret', team.credentials.client_secret);
    const { clients, chats } = service.app.services;
    const web = await clients.create({
      name: 'Web',
      secret: keep('chosen client secret', CHOSEN_SECRET),
      grants: ['authorization_code', 'refresh_token', 'password', 'client_credentials'],
      redirectUris: [REDIRECT_URI],
    });
    const credentials = { client_id: web.client.id, client_secret: CHOSEN_SECRET };
    await chats.create('all');

    // Every grant, right and wrong.
    const { body: first } = await service.token({ username: 'admin', password: PASSWORD, ...team.credentials });
    const access = keep('access token', first.access_token);
    const { body: second } = await service.token({
      grant_type: 'refresh_token',
      refresh_token: keep('refresh token', first.refresh_token),
      ...team.credentials,
    });
    const token = keep('refreshed access token', second.access_token);
    keep('rotated refresh token', second.refresh_token);
    const { body: machine } = await service.token({ grant_type: 'client_credentials', ...credentials });
    keep('token of a client', machine.access_token);
    await service.token({ username: 'admin', password: keep('wrong password', WRONG_PASSWORD), ...team.credentials });
    await service.token({ username: WRONG_PASSWORD, password: PASSWORD, ...team.credentials });
    await service.token({ grant_type: 'refresh_token', refresh_token: `${first.refresh_token}x`, ...team.credentials });
    await post(
      '/oauth/token/',
      { grant_type: 'client_credentials' },
      { authorization: `Basic ${btoa(`web:${CHOSEN_SECRET}`)}` },
    );
    await fetch(`${service.origin}/oauth/token/?password=${encodeURIComponent(PASSWORD)}&access_token=${token}`, {
      method: 'POST',
    });
    const json = JSON.stringify({ username: 'admin', password: PASSWORD });
    await fetch(`${service.origin}/oauth/token/`, {
      method: 'POST',
      body: json,
      headers: { 'content-type': 'application/json' },
    });
    const form = new FormData();
    for (const [name, value] of Object.entries({
      grant_type: 'password',
      username: 'admin',
      password: PASSWORD,
      ...credentials,
    }))
      form.append(name, value);
    await fetch(`${service.origin}/oauth/token/`, { method: 'POST', body: form });

    // The page.
    const browser = new WebBrowser([service.origin]);
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: web.client.id,
      redirect_uri: REDIRECT_URI,
      code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
      code_challenge_method: 'S256',
    });
    const page = await browser.open(`${service.origin}/oauth/authorize/?${query}`);
    await browser.press(page, 'sign-in', { username: 'admin', password: WRONG_PASSWORD });
    const consent = await browser.press(page, 'sign-in', { username: 'admin', password: PASSWORD });
    keep('browser session', [...browser.cookies.values()][0]);
    keep('form token', formsOf(consent)[0]?.fields.find(([name]) => name === 'csrf')?.[1]);
    const { url } = await browser.press(consent, 'allow');
    const code = keep('authorization code', url.searchParams.get('code'));
    const redeem = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, ...credentials };
    await service.token({ ...redeem, code_verifier: 'w'.repeat(43) });
    const { body: third } = await service.token({ ...redeem, code_verifier: keep('code verifier', VERIFIER) });
    keep('access token of a code', third.access_token);
    await service.token({ ...redeem, code_verifier: VERIFIER });

    // Tokens as Bearer, in queries, in frames, in tickets, introspected, revoked.
    const { data } = await service.query(token, 'mutation { createSocketTicket }');
    const ticket = keep('socket ticket', Object(data).createSocketTicket);
    await service.query(`${token}x`, '{ me { id } }');
    const searches: Record<string, string>[] = [{ token }, { ticket }, { ticket }, { token: access }];
    for (const search of searches) {
      const channel = await service.channel(null, 'all', search).catch((error: unknown) => {
        if (error instanceof StreamRefused) return undefined;
        throw error;
      });
      if (!channel) continue;
      await channel.next('live');
      for (const frame of [
        { type: 'auth', id: 'a', token },
        { type: 'auth', id: 'b', token: access },
        { type: 'message.send', id: 'c', content: keep('message', MESSAGE) },
      ])
        channel.socket.send(JSON.stringify(frame));
      await channel.next('message.created');
      await channel.close();
    }
    const { data: another } = await service.query(token, 'mutation { createSocketTicket }');
    const ticketOfStream = keep('ticket of an event stream', Object(another).createSocketTicket);
    const streamSearches: Record<string, string>[] = [
      { token },
      { ticket: ticketOfStream },
      { ticket: ticketOfStream },
      { token: access },
    ];
    for (const search of streamSearches) {
      const stream = await service.events(null, 'all', search).catch((error: unknown) => {
        if (error instanceof StreamRefused) return undefined;
        throw error;
      });
      await stream?.next('live');
      await stream?.close();
    }
    const subscription = service.subscribe(`${token}x`, 'subscription { messageSent(chatId: "x") { seq } }');
    await subscription.ended;
    await service.query(token, `mutation { changePassword(currentPassword: "${WRONG_PASSWORD}", newPassword: "x") }`);
    await service.query(
      token,
      'mutation ($a: String!, $b: String!) { changePassword(currentPassword: $a, newPassword: $b) }',
      {
        a: PASSWORD,
        b: keep('new password', NEW_PASSWORD),
      },
    );
    await post('/oauth/introspect/', { token, ...team.credentials });
    await post('/oauth/revoke_token/', { token, ...team.credentials });
  }

  it('the database holds none of them, but hashes', () => {
    // Messages are what the database is for.
    for (const [name, secret] of [...secrets].filter(([each]) => each !== 'message')) {
      expect(dump.includes(secret), name).toBe(false);
      // As PostgreSQL writes the bytes of one that was stored as such, and without its prefix.
      expect(dump.includes(Buffer.from(secret).toString('hex')), `${name}, as bytes`).toBe(false);
      expect(dump.includes(Buffer.from(secret).toString('base64')), `${name}, as Base64`).toBe(false);
      expect(dump.includes(secret.replace(/^c\w\w_/, '')), `${name}, without its prefix`).toBe(false);
    }
    expect(dump).toContain('$argon2id$');
    expect(dump).toContain(MESSAGE);
  });

  it('the question that closes every other test would have found them', async () => {
    const { pool } = service.app.db;
    for (const name of ['access token', 'browser session', 'password', 'wrong password', 'chosen client secret']) {
      const secret = secrets.get(name) ?? '';
      await expect(expectNoSecretLeft({ log: [`{"msg":"${secret}"}`] }), name).rejects.toThrow(secret);
      await pool.query('UPDATE users SET last_name = $1', [secret]);
      await expect(expectNoSecretLeft({ pool }), name).rejects.toThrow(secret);
    }
    await pool.query(`UPDATE users SET last_name = ''`);
    await expectNoSecretLeft({ pool, log: service.log });
  });

  it('the log, at its most talkative, tells none of them', () => {
    const log = service.log.join('');
    expect(service.app.log.level).toBe('trace');
    for (const [name, secret] of secrets) {
      expect(log.includes(secret), name).toBe(false);
      expect(log.includes(encodeURIComponent(secret)), `${name}, in a URL`).toBe(false);
      expect(log.includes(Buffer.from(secret).toString('base64').slice(0, -4)), `${name}, as Base64`).toBe(false);
    }
  });
});

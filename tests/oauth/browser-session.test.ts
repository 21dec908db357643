import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hashToken } from '../../src/domain/access/tokens/opaque-token.js';
import { registerWebClient, WEB_CLIENT_ID } from '../../src/domain/access/web-client.js';
import { startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';
import { WebBrowser } from '../support/web-browser.js';

const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const ELSEWHERE = 'http://127.0.0.1:1/';

let team: Awaited<ReturnType<typeof startTeam>>;
let origin: string;
let userId: string;
let username: string;
let users = 0;

beforeAll(async () => {
  team = await startTeam(1, { WEB_CLIENT: 'on' });
  origin = team.first.origin;
  const { db, services } = team.first.app;
  expect(await registerWebClient(db, services.clients, ['http://127.0.0.1/'])).toBe(true);
});
afterAll(() => team.close());
beforeEach(async () => {
  users += 1;
  const user = await team.first.app.services.users.create({ username: `ann${users}`, password: PASSWORD });
  ({ id: userId, username } = user);
});

const newCode = async () => (await team.first.app.services.signInCodes.create(userId)) ?? '';
const newBrowser = () => new WebBrowser([origin]);
const redeem = (browser: WebBrowser, code: string, headers: Record<string, string> = {}) =>
  browser.fetch(`${origin}/oauth/browser_session/`, { method: 'POST', body: new URLSearchParams({ code }), headers });

function authorizeUrl(more: Record<string, string> = {}): string {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: WEB_CLIENT_ID,
    redirect_uri: `${origin}/`,
    state: 'af0ifjsldkj',
    code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
    code_challenge_method: 'S256',
    ...more,
  });
  return `${origin}/oauth/authorize/?${query}`;
}

/** What the authorization page does at once, in a browser: `code`, or the heading of the page that it shows. */
async function outcome(browser: WebBrowser, more: Record<string, string> = {}): Promise<string | undefined> {
  const answer = await browser.fetch(authorizeUrl(more));
  const text = await answer.text();
  if (answer.status === 303)
    return new URL(answer.headers.get('location') ?? '').searchParams.has('code') ? 'code' : '';
  return /<h1>([^<]*)/.exec(text)?.[1];
}

describe('a sign-in code', () => {
  it('signs its user in, in one browser and once', async () => {
    const code = await newCode();
    const [one, other] = [newBrowser(), newBrowser()];
    const answers = await Promise.all([redeem(one, code), redeem(other, code)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 400]);
    const [signedIn, refused] = answers[0]?.status === 204 ? [one, other] : [other, one];
    expect(await outcome(signedIn)).toBe('code');
    expect(await outcome(refused)).toBe('Sign in');
    expect((await redeem(newBrowser(), code)).status).toBe(400);
    expect(signedIn.setCookies.at(-1)).toMatch(/^chat_browser=cbs_[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
  });

  it('is stored as its hash, is no session itself, and is in no log', async () => {
    const code = await newCode();
    const cookie = { cookie: `chat_browser=${code}` };
    const page = await (await fetch(authorizeUrl(), { headers: cookie })).text();
    expect(page).toContain('<h1>Sign in</h1>');
    const { prisma } = team.first.app.db;
    expect(await prisma.browserSession.count({ where: { hash: new Uint8Array(hashToken(code)) } })).toBe(1);
    await redeem(newBrowser(), code);
    expect(team.first.log.join('')).not.toContain(code);
  });

  it('ends after five minutes', async () => {
    const code = await newCode();
    const where = { hash: new Uint8Array(hashToken(code)) };
    const { prisma } = team.first.app.db;
    const row = await prisma.browserSession.findUniqueOrThrow({ where });
    expect(Math.abs(row.expiresAt.getTime() - Date.now() - 300_000)).toBeLessThan(20_000);
    await prisma.browserSession.update({ where, data: { expiresAt: new Date(Date.now() - 1000) } });
    expect((await redeem(newBrowser(), code)).status).toBe(400);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a new password', () => team.first.app.services.users.setPassword(username, 'another horse battery')],
    ['deactivation', () => team.first.app.services.users.update(userId, { isActive: false })],
  ])('ends with %s', async (_what, change) => {
    const code = await newCode();
    await change();
    expect((await redeem(newBrowser(), code)).status).toBe(400);
  });

  it('is refused to other sites, and in another form', async () => {
    const code = await newCode();
    for (const site of ['cross-site', 'same-site'])
      expect((await redeem(newBrowser(), code, { 'sec-fetch-site': site })).status).toBe(403);
    for (const wrong of ['', 'csi_', `cbs_${code.slice(4)}`, `${code}x`])
      expect((await redeem(newBrowser(), wrong)).status).toBe(400);
    const answer = await redeem(newBrowser(), code, { 'sec-fetch-site': 'same-origin', origin: 'http://evil.example' });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(answer.status).toBe(204);
  });

  it('ends the session that the browser had before', async () => {
    const browser = newBrowser();
    await redeem(browser, await newCode());
    const before = [...browser.cookies];
    await redeem(browser, await newCode());
    const old = newBrowser();
    for (const [key, value] of before) old.cookies.set(key, value);
    expect(await outcome(old)).toBe('Sign in');
    expect(await outcome(browser)).toBe('code');
  });

  it('is made for active people only', async () => {
    await team.first.app.services.users.update(userId, { isActive: false });
    expect(await team.first.app.services.signInCodes.create(userId)).toBeUndefined();
  });
});

describe('the web client', () => {
  const signIn = async (browser: WebBrowser, more: Record<string, string> = {}) =>
    browser.press(await browser.open(authorizeUrl(more)), 'sign-in', { username, password: PASSWORD });

  it('gets its code without asking for consent, once somebody has signed in', async () => {
    const browser = newBrowser();
    const { url } = await signIn(browser);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({ state: 'af0ifjsldkj', iss: origin });
    expect(url.searchParams.has('code')).toBe(true);
    expect(await outcome(browser)).toBe('code');
  });

  it('asks for consent where the code would go to another program of the machine', async () => {
    const browser = newBrowser();
    await signIn(browser);
    expect(await outcome(browser, { redirect_uri: ELSEWHERE })).toBe('Allow Chat to use your account?');
  });

  it('signs somebody else in with prompt=login, whom it may name', async () => {
    const browser = newBrowser();
    await signIn(browser);
    const prompt = { prompt: 'login', login_hint: '"><b>bob' };
    expect(await outcome(browser, prompt)).toBe('Sign in');
    expect((await browser.open(authorizeUrl(prompt))).text).toContain('value="&#34;&#62;&#60;b&#62;bob"');
    expect((await signIn(browser, prompt)).url.searchParams.has('code')).toBe(true);
  });

  it('ends the session of the browser when its user signs out', async () => {
    const browser = newBrowser();
    await signIn(browser);
    const signOut = (site: string) =>
      browser.fetch(`${origin}/oauth/browser_session/`, { method: 'DELETE', headers: { 'sec-fetch-site': site } });
    expect((await signOut('cross-site')).status).toBe(403);
    expect(await outcome(browser)).toBe('code');
    expect((await signOut('same-origin')).status).toBe(204);
    expect(await outcome(browser)).toBe('Sign in');
  });

  it('is served at further addresses, the newest twenty, and leaves a client with a secret alone', async () => {
    const { db, services } = team.first.app;
    const uris = Array.from({ length: 30 }, (_, index) => `https://chat${index}.example/`);
    for (const uri of uris) await registerWebClient(db, services.clients, [uri]);
    expect((await services.clients.find(WEB_CLIENT_ID))?.redirectUris).toEqual(uris.slice(-20));
    await db.prisma.oAuthClient.update({ where: { id: WEB_CLIENT_ID }, data: { secretHash: 'sha256:x' } });
    expect(await registerWebClient(db, services.clients, ['https://more.example/'])).toBe(false);
    expect((await services.clients.find(WEB_CLIENT_ID))?.redirectUris).toEqual(uris.slice(-20));
  });
});

it('Where the web client is off, browser sessions are the authorization page’s alone', async () => {
  const other = await startTeam(1, { WEB_CLIENT: 'off' });
  const body = new URLSearchParams({ code: `csi_${'a'.repeat(43)}` });
  const url = `${other.first.origin}/oauth/browser_session/`;
  expect((await fetch(url, { method: 'POST', body })).status).toBe(404);
  expect((await fetch(`${other.first.origin}/`)).status).toBe(200);
  await other.close();
});

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AuthorizationServer,
  members,
  PASSWORD,
  startAuthorizationServer,
  type TestClient,
  tokenPair,
} from '../support/authorization-server.js';
import { formsOf, WebBrowser, type WebPage } from '../support/web-browser.js';

const REDIRECT_URI = 'https://app.example/callback';
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');

/** RFC 6749 §4.1, RFC 7636, RFC 9207, RFC 9700: the page where people sign in and agree. */
describe('/oauth/authorize/', () => {
  let server: AuthorizationServer;
  let app: TestClient;
  let username: string;

  beforeAll(async () => {
    server = await startAuthorizationServer();
    app = await newApp();
    username = (await server.newUser()).username;
  });
  afterAll(() => server.close());

  const newApp = (more: Parameters<typeof server.newClient>[0] = {}) =>
    server.newClient({
      name: 'Test & <Friends>',
      grants: ['authorization_code', 'refresh_token'],
      redirectUris: [REDIRECT_URI],
      ...more,
    });
  const parameters = (more: Record<string, string | undefined> = {}) => ({
    response_type: 'code',
    client_id: app.client.id,
    redirect_uri: REDIRECT_URI,
    scope: 'read',
    state: 'af0ifjsldkj',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  });
  const authorizeUrl = (more: Record<string, string | undefined> = {}) => {
    const given = Object.entries(parameters(more)).filter((pair): pair is [string, string] => pair[1] !== undefined);
    return `${server.origin}/oauth/authorize/?${new URLSearchParams(given)}`;
  };
  const newBrowser = () => new WebBrowser([server.origin]);
  const signIn = (browser: WebBrowser, page: WebPage, more: Record<string, string> = {}) =>
    browser.press(page, 'sign-in', { username, password: PASSWORD, ...more });
  /** A browser on the consent page. */
  async function signedIn(more: Record<string, string | undefined> = {}) {
    const browser = newBrowser();
    return { browser, page: await signIn(browser, await browser.open(authorizeUrl(more))) };
  }
  const answerOf = ({ url }: WebPage) => Object.fromEntries(url.searchParams);

  it('asks who you are, then whether you agree, and sends you back with code, state and iss', async () => {
    const browser = newBrowser();
    const first = await browser.open(authorizeUrl());
    expect(first.status).toBe(200);
    expect(first.text).toContain('Test &#38; &#60;Friends&#62; asks you to sign in');
    const consent = await signIn(browser, first);
    expect(consent.status).toBe(200);
    expect(consent.text).toContain(`signed in as <strong>${username}</strong>`);
    expect(consent.text).toContain('see your chats');
    expect(consent.text).not.toContain('in your name');
    expect(consent.text).toContain('go on to app.example');
    const back = await browser.press(consent, 'allow');
    expect(back.status).toBe(303);
    expect(back.url.origin + back.url.pathname).toBe(REDIRECT_URI);
    expect(answerOf(back)).toEqual({
      code: expect.stringMatching(/^cac_[\w-]{43}$/),
      state: 'af0ifjsldkj',
      iss: server.origin,
    });
    const response = await server.post('/oauth/token/', {
      grant_type: 'authorization_code',
      code: back.url.searchParams.get('code') ?? '',
      redirect_uri: REDIRECT_URI,
      code_verifier: VERIFIER,
      ...app.credentials,
    });
    expect(await members(response.clone())).toMatchObject({ scope: 'read', token_type: 'Bearer' });
    expect(await server.tokens.authenticate((await tokenPair(response)).access)).toMatchObject({ user: { username } });
  });

  it('gives all that the client may have when no scope is asked for', async () => {
    const { page } = await signedIn({ scope: undefined });
    expect(page.text).toContain('see your chats');
    expect(page.text).toContain('in your name');
  });

  it('works without the redirect URI when the client has only one', async () => {
    const { browser, page } = await signedIn({ redirect_uri: undefined });
    const { url } = await browser.press(page, 'allow');
    expect(url.origin + url.pathname).toBe(REDIRECT_URI);
  });

  it('keeps the query of a registered redirect URI, and leaves out a state that was not given', async () => {
    const uri = 'https://app.example/cb?tenant=7';
    const { client } = await newApp({ redirectUris: [uri] });
    const { browser, page } = await signedIn({ client_id: client.id, redirect_uri: uri, state: undefined });
    const { url } = await browser.press(page, 'allow');
    expect(url.href).toMatch(/^https:\/\/app\.example\/cb\?tenant=7&code=cac_/);
    expect(url.searchParams.has('state')).toBe(false);
  });

  it('gives the state back to the letter', async () => {
    const state = 'a b+c&d=é/?"#%00\u{1f4ac}';
    const { browser, page } = await signedIn({ state });
    expect((await browser.press(page, 'allow')).url.searchParams.get('state')).toBe(state);
  });

  it('counts an empty parameter as left out, and takes no notice of one that it does not know', async () => {
    const { browser, page } = await signedIn({ scope: '', response_mode: '', prompt: 'none', audience: 'x' });
    expect(page.text).toContain('in your name');
    expect((await browser.press(page, 'allow')).url.searchParams.get('code')).toMatch(/^cac_/);
  });

  it('goes back to any port of a native app’s loopback address', async () => {
    const { client } = await newApp({
      redirectUris: ['http://127.0.0.1/cb', 'http://[::1]/cb', 'com.example.app:/cb'],
    });
    for (const [redirect_uri, source] of [
      ['http://127.0.0.1:51234/cb', 'http://127.0.0.1:51234'],
      ['http://[::1]:51234/cb', 'http:'],
      ['com.example.app:/cb', 'com.example.app:'],
    ]) {
      const { browser, page } = await signedIn({ client_id: client.id, redirect_uri });
      expect(page.headers.get('content-security-policy')).toContain(`form-action 'self' ${source};`);
      expect((await browser.press(page, 'allow')).url.href).toContain(`${redirect_uri}?code=`);
    }
  });

  it('says access_denied when you do not agree, or cancel before you sign in', async () => {
    const { browser, page } = await signedIn();
    const denied = {
      error: 'access_denied',
      error_description: expect.any(String),
      state: 'af0ifjsldkj',
      iss: server.origin,
    };
    expect(answerOf(await browser.press(page, 'deny'))).toEqual(denied);
    const other = newBrowser();
    expect(answerOf(await other.press(await other.open(authorizeUrl()), 'deny'))).toEqual(denied);
  });

  it('remembers who signed in, asks for consent every time, and lets another account in', async () => {
    const { browser } = await signedIn();
    const again = await browser.open(authorizeUrl());
    expect(again.text).toContain(`signed in as <strong>${username}</strong>`);
    const out = await browser.press(again, 'sign-out');
    expect(out.text).toContain('asks you to sign in');
    expect((await browser.open(authorizeUrl())).text).toContain('asks you to sign in');
    const other = (await server.newUser()).username;
    expect((await signIn(browser, out, { username: other })).text).toContain(other);
  });

  it('says of a wrong password no more than that something is wrong, and keeps the username in its field', async () => {
    for (const name of [username, 'no"body']) {
      const browser = newBrowser();
      const page = await signIn(browser, await browser.open(authorizeUrl()), { username: name, password: 'wrong' });
      expect(page.status).toBe(400);
      expect(page.text).toContain('role="alert" id="problem">The username or the password is wrong.');
      expect(Object.fromEntries(formsOf(page)[0]?.fields ?? [])).toMatchObject({ username: name, password: '' });
    }
  });

  describe('tells the client, at its redirect URI,', () => {
    it.each([
      ['invalid_request', 'without a response type', { response_type: undefined }],
      ['unsupported_response_type', 'of another response type', { response_type: 'token' }],
      ['invalid_request', 'of another response mode', { response_mode: 'fragment' }],
      ['invalid_scope', 'of an unknown scope', { scope: 'read everything' }],
      ['invalid_scope', 'of a scope the client may not have', { scope: 'introspection' }],
      ['invalid_request', 'without a code challenge', { code_challenge: undefined, code_challenge_method: undefined }],
      ['invalid_request', 'with the method plain', { code_challenge_method: 'plain' }],
      ['invalid_request', 'without a method, which is plain', { code_challenge_method: undefined }],
      ['invalid_request', 'with a challenge that is no digest', { code_challenge: 'short' }],
    ])('%s of a request %s', async (error, _, more) => {
      const response = await newBrowser().fetch(authorizeUrl(more));
      expect(response.status).toBe(303);
      const url = new URL(response.headers.get('location') ?? '');
      expect(url.origin + url.pathname).toBe(REDIRECT_URI);
      expect(Object.fromEntries(url.searchParams)).toEqual({
        error,
        error_description: expect.stringMatching(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/),
        state: 'af0ifjsldkj',
        iss: server.origin,
      });
    });

    it('unauthorized_client when it may not use codes', async () => {
      const { client } = await newApp({ grants: ['password'] });
      const page = await newBrowser().open(authorizeUrl({ client_id: client.id }));
      expect(answerOf(page)).toMatchObject({ error: 'unauthorized_client' });
    });

    it('invalid_request of a repeated parameter', async () => {
      const { url } = await newBrowser().open(`${authorizeUrl()}&scope=write`);
      expect(url.searchParams.get('error')).toBe('invalid_request');
    });
  });

  describe('shows a page and sends nobody anywhere', () => {
    it.each([
      ['for an unknown client', { client_id: 'nobody' }],
      ['for a client id that can be none', { client_id: 'no\0body' }],
      ['without a client', { client_id: undefined }],
      ['for a redirect URI that is not registered', { redirect_uri: 'https://evil.example/' }],
      ['for a redirect URI that only begins like it', { redirect_uri: `${REDIRECT_URI}.evil.example` }],
      ['for a redirect URI with a newline', { redirect_uri: `${REDIRECT_URI}\r\nx: y` }],
      ['for a script', { redirect_uri: 'javascript:alert(1)' }],
    ])('%s', async (_, more) => {
      const response = await newBrowser().fetch(authorizeUrl(more));
      expect(response.status).toBe(400);
      expect(response.headers.get('location')).toBeNull();
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(response.headers.get('content-security-policy')).toContain(`form-action 'none'`);
      expect(await response.text()).toContain('This link does not work');
    });

    it('for a client or a redirect URI that is named twice', async () => {
      for (const again of [`&client_id=${app.client.id}`, `&redirect_uri=${encodeURIComponent(REDIRECT_URI)}`])
        expect((await newBrowser().fetch(authorizeUrl() + again)).status).toBe(400);
    });

    it('without a redirect URI for a client with several', async () => {
      const { client } = await newApp({ redirectUris: [REDIRECT_URI, 'https://b.example/'] });
      const response = await newBrowser().fetch(authorizeUrl({ client_id: client.id, redirect_uri: undefined }));
      expect(response.status).toBe(400);
    });
  });

  describe('protects its pages', () => {
    it('with headers that allow no script, no frame, no cache and no other place', async () => {
      const { page } = await signedIn();
      const style = /<style>([\s\S]*)<\/style>/.exec(page.text)?.[1] ?? '';
      const hash = createHash('sha256').update(style).digest('base64');
      expect(page.headers.get('content-security-policy')).toBe(
        `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self' https://app.example; frame-ancestors 'none'; base-uri 'none'`,
      );
      expect(page.headers.get('x-frame-options')).toBe('DENY');
      expect(page.headers.get('x-content-type-options')).toBe('nosniff');
      expect(page.headers.get('cache-control')).toBe('no-store');
      expect(page.headers.get('referrer-policy')).toBe('same-origin');
      expect(page.text).not.toMatch(/<script|javascript:| on\w+=/i);
    });

    it('with a token that is good for one browser and one request', async () => {
      const { browser, page } = await signedIn();
      const [form] = formsOf(page);
      const csrf = form?.fields.find(([name]) => name === 'csrf')?.[1] ?? '';
      const send = (by: WebBrowser, url: string | URL, body: Record<string, string>, headers = {}) =>
        by.fetch(url, { method: 'POST', body: new URLSearchParams(body), headers });
      const url = form?.action ?? '';
      expect((await send(browser, url, { action: 'allow' })).status).toBe(403);
      expect((await send(browser, url, { action: 'allow', csrf: 'x' })).status).toBe(403);
      expect((await send((await signedIn()).browser, url, { action: 'allow', csrf })).status).toBe(403);
      expect((await send(newBrowser(), url, { action: 'allow', csrf })).status).toBe(403);
      expect((await send(browser, authorizeUrl({ scope: 'write' }), { action: 'allow', csrf })).status).toBe(403);
      const foreign = { 'sec-fetch-site': 'cross-site' };
      expect((await send(browser, url, { action: 'allow', csrf }, foreign)).status).toBe(403);
      expect((await send(browser, url, { action: 'allow', csrf })).status).toBe(303);
    });

    it('against a session that somebody prepared: signing in makes a new one', async () => {
      const browser = newBrowser();
      const page = await browser.open(authorizeUrl());
      const [before] = [...browser.cookies.values()];
      const consent = await signIn(browser, page);
      const [after] = [...browser.cookies.values()];
      expect(before).toMatch(/^cbs_/);
      expect(after).toMatch(/^cbs_/);
      expect(after).not.toBe(before);
      expect(consent.text).toContain(username);
      const attacker = newBrowser();
      attacker.cookies.set(`${server.origin} chat_browser`, before ?? '');
      expect((await attacker.open(authorizeUrl())).text).toContain('asks you to sign in');
    });

    it('by a cookie that scripts cannot read and other sites cannot send', async () => {
      const { browser } = await signedIn();
      for (const cookie of browser.setCookies)
        expect(cookie).toMatch(/^chat_browser=cbs_[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
    });

    it('by leaving the cookie alone when a form of another site came without it', async () => {
      const { page } = await signedIn();
      const other = newBrowser();
      const body = new URLSearchParams({ action: 'allow', csrf: 'x' });
      expect((await other.fetch(page.url, { method: 'POST', body })).status).toBe(403);
      expect(other.setCookies).toEqual([]);
    });

    it('by ending the session with the password, the user, and its time', async () => {
      const user = await server.newUser();
      const consentOf = async () => {
        const browser = newBrowser();
        const page = await signIn(browser, await browser.open(authorizeUrl()), { username: user.username });
        expect(page.text).toContain(user.username);
        return { browser, page };
      };
      const first = await consentOf();
      await server.db.pool.query(
        'UPDATE browser_sessions SET expires_at = now() - make_interval(secs => 1) WHERE user_id = $1',
        [user.id],
      );
      expect((await first.browser.press(first.page, 'allow')).text).toContain('asks you to sign in');
      const second = await consentOf();
      await server.users.setPassword(user.username, PASSWORD);
      expect((await second.browser.press(second.page, 'allow')).text).toContain('asks you to sign in');
      const third = await consentOf();
      await server.users.update(user.id, { isActive: false });
      expect((await third.browser.press(third.page, 'allow')).text).toContain('asks you to sign in');
    });
  });

  it('takes an authorization request by POST too, and asks for it again by GET', async () => {
    const body = new URLSearchParams(Object.entries(parameters()));
    const response = await fetch(`${server.origin}/oauth/authorize`, { method: 'POST', body, redirect: 'manual' });
    expect(response.status).toBe(303);
    expect(new URL(response.headers.get('location') ?? '', server.origin).href).toBe(authorizeUrl());
  });

  it.each(['PUT', 'DELETE', 'PATCH'])('answers %s with 405', async (method) => {
    const response = await fetch(authorizeUrl(), { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD, POST');
  });

  it.each([
    ['application/json', '{}'],
    ['application/x-www-form-urlencoded', 'csrf=1&csrf=2&action=allow'],
    ['text/plain', 'x'],
    ['multipart/form-data; boundary=x', '--x--\r\nrubbish'],
  ])('answers a body of %s that it cannot use with a page', async (type, body) => {
    const response = await fetch(authorizeUrl(), { method: 'POST', headers: { 'content-type': type }, body });
    expect([400, 403, 415]).toContain(response.status);
    expect(response.headers.get('content-type')).toContain('text/html');
  });
});

describe('/oauth/authorize/ behind https', () => {
  it('has a cookie of the host alone, and the public address for its issuer', async () => {
    const server = await startAuthorizationServer({}, { publicUrl: 'https://chat.example' });
    try {
      const { client } = await server.newClient({ grants: ['authorization_code'], redirectUris: [REDIRECT_URI] });
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: client.id,
        code_challenge: CHALLENGE,
        code_challenge_method: 'S256',
      });
      const page = await fetch(`${server.origin}/oauth/authorize?${query}`);
      expect(page.headers.get('set-cookie')).toMatch(
        /^__Host-chat_browser=cbs_[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
      );
      query.set('scope', 'x');
      const refused = await fetch(`${server.origin}/oauth/authorize?${query}`, { redirect: 'manual' });
      expect(new URL(refused.headers.get('location') ?? '').searchParams.get('iss')).toBe('https://chat.example');
      const metadata = await members(await fetch(`${server.origin}/.well-known/oauth-authorization-server`));
      expect(metadata).toMatchObject({
        issuer: 'https://chat.example',
        authorization_endpoint: 'https://chat.example/oauth/authorize/',
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
        authorization_response_iss_parameter_supported: true,
      });
    } finally {
      await server.close();
    }
  });
});

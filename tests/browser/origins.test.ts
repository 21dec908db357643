import { createHash } from 'node:crypto';
import type { Browser, BrowserContext, Frame, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findChromium, launchChromium } from '../support/chromium.js';
import { startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';
import { startWebSite, type WebSite } from '../support/web-site.js';

/** The means of every page below, whoever it belongs to. Each ends with what the page got, or with `nothing`. */
const PAGE = `<!doctype html><title>A page</title><body><script>
  const answer = (url, init) => fetch(url, init).then(
    async (response) => ({ status: response.status, text: await response.text(),
      challenge: response.headers.get('www-authenticate'), retryAfter: response.headers.get('retry-after') }),
    () => 'nothing');
  const load = (tag, url) => new Promise((resolve) => {
    const element = document.createElement(tag);
    element.onload = () => resolve('loaded');
    element.onerror = () => resolve('nothing');
    element.src = url;
    document.body.append(element);
  });
  const messages = (url, protocols, count, ...frames) => new Promise((resolve) => {
    const got = [];
    const socket = new WebSocket(url, protocols);
    const next = () => frames.length > 0 && socket.send(JSON.stringify(frames.shift()));
    socket.onopen = next;
    socket.onmessage = ({ data }) => {
      got.push(JSON.parse(data));
      next();
      if (got.length === count) resolve(got);
    };
    socket.onclose = () => resolve(got.length > 0 ? got : 'nothing');
  });
  const events = (url, count) => new Promise((resolve) => {
    const got = [];
    const source = new EventSource(url);
    for (const type of ['hello', 'live'])
      source.addEventListener(type, ({ data }) => {
        got.push(JSON.parse(data));
        if (got.length < count) return;
        source.close();
        resolve(got);
      });
    source.onerror = () => source.readyState === EventSource.CLOSED && resolve(got.length > 0 ? got : 'nothing');
  });
  const form = (url, fields, enctype, target) => {
    const element = document.createElement('form');
    Object.assign(element, { method: 'post', action: url, enctype, target });
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement('input');
      Object.assign(input, { name, value });
      element.append(input);
    }
    document.body.append(element);
    element.submit();
  };
  const frame = (url, start) => new Promise((resolve) => {
    const element = document.createElement('iframe');
    element.name = 'frame' + document.querySelectorAll('iframe').length;
    element.onload = () => {
      if (element.src === '' && !element.sent) return;
      resolve(element.contentDocument?.body?.innerHTML || 'nothing');
    };
    if (!start) element.src = url;
    document.body.append(element);
    if (start) { element.sent = true; start(element.name); }
  });
  const post = (url, fields, enctype = 'application/x-www-form-urlencoded') =>
    frame(url, (target) => form(url, fields, enctype, target));
</script>`;

const CHALLENGE = createHash('sha256').update('v'.repeat(43)).digest('base64url');

describe.skipIf(findChromium() === undefined)('Pages in a browser (skipped without a Chromium)', () => {
  let site: WebSite;
  let team: Awaited<ReturnType<typeof startTeam>>;
  let browser: Browser;
  let context: BrowserContext;
  /** Cookies of a signed-in person, for every test's browser. */
  let signedIn: Awaited<ReturnType<BrowserContext['storageState']>>;
  let token: string;
  let chatId: string;
  /** The service's origin, as pages know it. */
  let origin: string;
  let authorizeUrl: string;

  beforeAll(async () => {
    site = await startWebSite(PAGE);
    team = await startTeam(1, { CORS_ALLOWED_ORIGINS: site.origin('app'), LIMIT_FAILURES_PER_ACCOUNT: '1' });
    origin = `http://chat.localhost:${new URL(team.first.origin).port}`;
    const { chats, clients } = team.first.app.services;
    chatId = (await chats.create('general')).id;
    token = await team.signIn('admin');
    const redirectUri = 'https://app.example/back';
    const web = { name: 'Web', grants: ['authorization_code'], redirectUris: [redirectUri], isPublic: true };
    const { client } = await clients.create(web);
    authorizeUrl = `${origin}/oauth/authorize/?${new URLSearchParams({
      response_type: 'code',
      client_id: client.id,
      redirect_uri: redirectUri,
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
    })}`;
    browser = await launchChromium();
    signedIn = await signIn();
  });
  afterAll(async () => {
    await browser.close();
    await team.close();
    await site.close();
  });

  beforeEach(async () => {
    context = await browser.newContext({ storageState: signedIn });
  });
  afterEach(() => context.close());

  async function visit(name: string): Promise<Page> {
    const page = await context.newPage();
    await page.goto(site.origin(name));
    return page;
  }

  /** The cookies of somebody who is one click away from allowing an application to use the account. */
  async function signIn() {
    const visitor = await browser.newContext();
    const page = await visitor.newPage();
    await page.goto(authorizeUrl);
    await page.getByLabel('Username').fill('admin');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Allow', exact: true }).waitFor();
    const state = await visitor.storageState();
    await visitor.close();
    return state;
  }

  async function expectSignedIn(): Promise<void> {
    const page = await context.newPage();
    await page.goto(authorizeUrl);
    expect(await page.title()).toBe('Allow Web?');
  }

  const newTicket = async () => {
    const { data } = await team.first.query(token, 'mutation { createSocketTicket }');
    return String(Object(data).createSocketTicket);
  };

  /** Every row of every table, but for when somebody was active last: whoever asks with a token is. */
  async function dump(): Promise<Record<string, unknown[]>> {
    const { pool } = team.first.app.db;
    const tables = await pool.query<{ name: string }>(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    );
    const rows: Record<string, unknown[]> = {};
    for (const { name } of tables.rows)
      rows[name] = (await pool.query(`SELECT (to_jsonb(t) - 'last_active_at')::text FROM "${name}" t ORDER BY 1`)).rows;
    return rows;
  }

  /** Calls of the page's means. The token is one that the page should not have; the browser must not help it all the same. */
  const attempts = (ticket: string): Record<string, string> => {
    const socket = origin.replace('http', 'ws');
    const mutation = `mutation { createChat(name: "taken") { id } }`;
    const operation = JSON.stringify({ query: mutation });
    const call = (means: string, ...values: unknown[]) =>
      `${means}(${values.map((value) => JSON.stringify(value)).join(', ')})`;
    const json = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const simple = (body: string, type: string) => ({
      method: 'POST',
      headers: { 'content-type': type },
      credentials: 'include',
      body,
    });
    const FORM = 'application/x-www-form-urlencoded';
    const guess = 'grant_type=password&username=admin&password=wrong&client_id=x';
    const init = { type: 'connection_init', payload: { authorization: `Bearer ${token}` } };
    return {
      'a GraphQL request with a token': call('answer', `${origin}/graphql/`, {
        method: 'POST',
        headers: json,
        body: operation,
      }),
      'a GraphQL request with a token, by GET': call('answer', `${origin}/graphql/?query={me{id}}`, { headers: json }),
      'a GraphQL request without a token': call('answer', `${origin}/graphql/?query={__typename}`),
      'GraphQL as plain text': call('answer', `${origin}/graphql/`, simple(operation, 'text/plain')),
      'GraphQL as a form': call('answer', `${origin}/graphql/`, simple(`query=${mutation}`, FORM)),
      'a token by password': call('answer', `${origin}/oauth/token/`, simple(guess, FORM)),
      'a revocation': call('answer', `${origin}/oauth/revoke_token/`, simple('token=x&client_id=x', FORM)),
      'the page that asks for consent': call('answer', authorizeUrl, { credentials: 'include' }),
      consent: call('answer', authorizeUrl, simple('action=allow', FORM)),
      'an answer without CORS': call('answer', `${origin}/graphql/?query={__typename}`, { mode: 'no-cors' }),
      'the service’s health': call('answer', `${origin}/readyz`),
      'an answer as a script': call('load', 'script', `${origin}/graphql/?query={__typename}`),
      'an answer as an image': call('load', 'img', `${origin}/graphql/?query={__typename}`),
      'GraphiQL’s own scripts': call('load', 'script', `${origin}/graphql/assets/page.js`),
      'a form to GraphQL': call('post', `${origin}/graphql/`, { query: mutation }),
      'a form to GraphQL that looks like JSON': call(
        'post',
        `${origin}/graphql/`,
        { [operation.slice(0, -1)]: '}' },
        'text/plain',
      ),
      'a form of consent': call('post', authorizeUrl, { action: 'allow' }),
      'a form of consent with a proof that is not this browser’s': call('post', authorizeUrl, {
        action: 'allow',
        csrf: createHash('sha256').update('another').digest('base64url'),
      }),
      'a form that signs out': call('post', authorizeUrl, { action: 'sign-out' }),
      'a GraphQL socket': call('messages', `${socket}/graphql/`, 'graphql-transport-ws', 1, init),
      'a channel by subprotocol': call('messages', `${socket}/ws/chat/general/`, ['chat.v1', `bearer.${token}`], 1),
      'a channel by ticket': call('messages', `${socket}/ws/chat/general/?ticket=${ticket}`, 'chat.v1', 1),
      'a channel by token in the query': call('messages', `${socket}/ws/chat/general/?token=${token}`, [], 1),
      'an event stream by ticket': call('events', `${origin}/sse/chat/general/?ticket=${ticket}`, 1),
      'an event stream by token in the query': call('events', `${origin}/sse/chat/general/?token=${token}`, 1),
      'an event stream by token': call('answer', `${origin}/sse/chat/general/`, { headers: json }),
      'a channel without a token': call('messages', `${socket}/ws/chat/general/`, 'chat.v1', 1),
    };
  };

  async function tryAll(page: Page | Frame): Promise<void> {
    const ticket = await newTicket();
    const before = await dump();
    team.first.log.length = 0;
    const results: Record<string, unknown> = {};
    for (const [name, call] of Object.entries(attempts(ticket))) results[name] = await page.evaluate(call);
    expect(results).toEqual(Object.fromEntries(Object.keys(results).map((name) => [name, 'nothing'])));
    expect(await dump()).toEqual(before);
    // What needs no leave to be sent did arrive.
    const log = team.first.log.join('');
    for (const status of [401, 403, 415]) expect(log).toContain(`"statusCode":${status}`);
    await expectSignedIn();
    // The ticket was not used up either.
    const own = await team.first.channel(null, 'general', { ticket });
    expect((await own.next()).type).toBe('hello');
    await own.close();
  }

  it('of another site get nothing and change nothing, whoever is signed in', async () => {
    await tryAll(await visit('evil'));
  });

  it('of the same site, with which cookies go along, get nothing and change nothing', async () => {
    await tryAll(await visit('evil.chat'));
  });

  it('without an origin (a sandbox) get nothing and change nothing', async () => {
    const page = await visit('evil.chat');
    await page.evaluate(`new Promise((resolve) => {
      const element = document.createElement('iframe');
      element.sandbox = 'allow-scripts allow-forms';
      element.onload = resolve;
      element.src = location.href;
      document.body.append(element);
    })`);
    const sandboxed = page.frames()[1];
    if (!sandboxed) throw new Error('There is no frame.');
    expect(await sandboxed.evaluate('origin')).toBe('null');
    await tryAll(sandboxed);
  });

  it.each(['evil', 'evil.chat'])(
    'of %s that send the person on with a form of theirs end at a refusal',
    async (name) => {
      const before = await dump();
      for (const action of ['allow', 'deny', 'sign-out', 'sign-in']) {
        const page = await visit(name);
        const fields = JSON.stringify({ action, username: 'admin', password: PASSWORD, csrf: 'x' });
        const [response] = await Promise.all([
          page.waitForNavigation(),
          page.evaluate(`form(${JSON.stringify(authorizeUrl)}, ${fields}, 'application/x-www-form-urlencoded', '')`),
        ]);
        expect([response?.status(), new URL(page.url()).origin]).toEqual([403, origin]);
      }
      expect(await dump()).toEqual(before);
      await expectSignedIn();
    },
  );

  it.each(['evil', 'evil.chat'])('of %s cannot show ours in a frame', async (name) => {
    const page = await visit(name);
    for (const url of [authorizeUrl, `${origin}/graphql/`, `${origin}/graphql/?query={__typename}`]) {
      await page.evaluate(`frame(${JSON.stringify(url)})`);
      expect(page.frames().at(-1)?.url()).not.toContain(origin);
    }
    expect(page.frames()).toHaveLength(4);
  });

  it('of an allowed origin get what they ask for', async () => {
    const page = await visit('app');
    const socket = origin.replace('http', 'ws');
    const evaluate = (means: string, ...values: unknown[]) =>
      page.evaluate(`${means}(${values.map((value) => JSON.stringify(value)).join(', ')})`);
    const post = (bearer: string) => ({
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
      body: JSON.stringify({ query: '{ me { username } }' }),
    });
    expect(await evaluate('answer', `${origin}/graphql/`, post(token))).toMatchObject({
      status: 200,
      text: expect.stringContaining('"username":"admin"'),
    });
    expect(await evaluate('answer', `${origin}/graphql/`, post('cat_expired'))).toMatchObject({
      status: 401,
      challenge: expect.stringContaining('invalid_token'),
    });
    const guess = { ...team.credentials, grant_type: 'password', username: 'nobody', password: 'wrong' };
    const token_ = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
    const body = `${new URLSearchParams(guess)}`;
    await evaluate('answer', `${origin}/oauth/token/`, { ...token_, body });
    expect(await evaluate('answer', `${origin}/oauth/token/`, { ...token_, body })).toMatchObject({
      status: 429,
      retryAfter: '1',
    });

    const init = { type: 'connection_init', payload: { authorization: `Bearer ${token}` } };
    const query = { type: 'subscribe', id: 'a', payload: { query: '{ me { username } }' } };
    expect(await evaluate('messages', `${socket}/graphql/`, 'graphql-transport-ws', 2, init, query)).toMatchObject([
      { type: 'connection_ack' },
      { type: 'next', payload: { data: { me: { username: 'admin' } } } },
    ]);
    const channel = `${socket}/ws/chat/general/`;
    const opened = [{ type: 'hello', chat: { id: chatId }, user: { username: 'admin' } }];
    expect(await evaluate('messages', channel, ['chat.v1', `bearer.${token}`], 1)).toMatchObject(opened);
    expect(await evaluate('messages', `${channel}?ticket=${await newTicket()}`, 'chat.v1', 1)).toMatchObject(opened);
    const stream = `${origin}/sse/chat/general/`;
    expect(await evaluate('events', `${stream}?ticket=${await newTicket()}`, 1)).toMatchObject(opened);
    expect(await evaluate('answer', stream)).toMatchObject({ status: 401, challenge: 'Bearer realm="chat"' });
  });
});

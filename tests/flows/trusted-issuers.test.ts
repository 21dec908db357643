import { createHash } from 'node:crypto';
import { exportJWK, type JWK } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { EventStreamClient } from '../support/event-stream.js';
import { forgedTokens } from '../support/forged-tokens.js';
import { StreamRefused } from '../support/frame-queue.js';
import { CLIENT, type Claims, startOidcProvider } from '../support/oidc-provider.js';
import { RawSocket } from '../support/raw-socket.js';
import { type Service, startTeam } from '../support/service.js';
import { newKey, seconds, startTokenIssuer, type TokenIssuer } from '../support/token-issuer.js';
import { WebBrowser } from '../support/web-browser.js';

const REDIRECT_URI = 'https://shop.example/callback';
const VERIFIER = 'v'.repeat(43);
const AWAY = 'temporarily_unavailable';

/** The team's own identity provider, where its users sign in. */
let provider: Awaited<ReturnType<typeof startOidcProvider>>;
/** A second one, which signs whatever a test wants. */
let issuer: TokenIssuer;
let team: Awaited<ReturnType<typeof startTeam>>;
let service: Service;
let chatId: string;
const accounts = new Map<string, Claims>();
let change: (claims: Claims) => void = () => {};
let elapsedMs = 0;

/** A key that the provider signs with. */
async function signingKey(kid: string): Promise<{ keys: JWK[] }> {
  const { privateKey } = await newKey(kid);
  return { keys: [{ ...(await exportJWK(privateKey)), kid, alg: 'ES256', use: 'sig' }] };
}

beforeAll(async () => {
  const { now } = performance;
  vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + elapsedMs);
  const audience = { audience: 'chat', keys: await signingKey('first'), change: (claims: Claims) => change(claims) };
  provider = await startOidcProvider(REDIRECT_URI, accounts, audience);
  issuer = await startTokenIssuer();
  issuer.publish(issuer.key, await newKey('rsa', 'RS256'));
  team = await startTeam(1, {
    TRUSTED_ISSUERS: `${provider.issuer} audience=chat admin=roles:chat-admin create=on;
      ${issuer.issuer} audience=chat create=on`,
  });
  service = team.first;
  chatId = (await service.app.services.chats.create('all')).id;
});
afterEach(() => {
  change = () => {};
});
afterAll(async () => {
  await team.close();
  await provider.close();
  await issuer.close();
  vi.restoreAllMocks();
});

/** The access token that the team's application gets for a user who signs in at the provider. */
async function signIn(login: string): Promise<string> {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: CLIENT.id,
    redirect_uri: REDIRECT_URI,
    scope: 'openid chat:read chat:write',
    code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const browser = new WebBrowser([provider.issuer]);
  let page = await browser.open(`${provider.issuer}/auth?${query}`);
  page = await browser.press(page, '', { login, password: 'any' });
  if (page.url.origin === provider.issuer) page = await browser.press(page, '');
  const response = await fetch(`${provider.issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${CLIENT.id}:${encodeURIComponent(CLIENT.secret)}`)}` },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: page.url.searchParams.get('code') ?? '',
      redirect_uri: REDIRECT_URI,
      code_verifier: VERIFIER,
    }),
  });
  const { access_token: accessToken } = JSON.parse(await response.text());
  return String(accessToken);
}

async function userWith(token: string): Promise<{ id: string; username: string; role: string }> {
  const { data } = await service.query(token, '{ me { id username role } }');
  return (data as { me: { id: string; username: string; role: string } }).me;
}

/** A member of the chat, who signed in at the provider. */
async function newMember(login: string, claims: Claims = {}) {
  accounts.set(login, { preferred_username: login, ...claims });
  const token = await signIn(login);
  const user = await userWith(token);
  await service.app.services.memberships.add(null, chatId, user.id);
  return { token, user };
}

/** A socket of graphql-transport-ws, before `connection_init`. */
const graphqlSocket = () => RawSocket.open(`${service.wsOrigin}/graphql/`, { protocols: ['graphql-transport-ws'] });
const init = (token: string) => ({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
const headersOf = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const inbox = (token: string) => RawSocket.open(`${service.wsOrigin}/ws/inbox/`, headersOf(token));
const inboxEvents = (token: string) => EventStreamClient.open(`${service.origin}/sse/inbox/`, headersOf(token));
const refusalOf = (opening: Promise<unknown>) =>
  opening.then(
    () => undefined,
    (error: unknown) => (error instanceof StreamRefused ? error : Promise.reject(error)),
  );
/** How the raw channel, the inbox and an event stream refuse a token. */
const refusals = (token: string) =>
  Promise.all([service.channel(token, 'all'), inbox(token), service.events(token, 'all')].map(refusalOf));

const EVENTS = 'subscription ($id: ID!) { chatEvents(chatId: $id) { seq } }';

describe('A token of the team’s identity provider', () => {
  it('is a bearer token on every edge', async () => {
    const { token, user } = await newMember('ann', { given_name: 'Ann' });
    expect(user).toMatchObject({ username: 'ann', role: 'user' });
    const raw = await service.channel(token, 'all');
    const subprotocol = await RawSocket.open(`${service.wsOrigin}/ws/chat/all/`, {
      protocols: ['chat.v1', `bearer.${token}`],
    }).catch((error: unknown) => error);
    const all = await Promise.all([inbox(token), service.events(token, 'all'), inboxEvents(token)]);
    for (const stream of [raw, ...all]) await stream.next('live');
    const subscription = service.subscribe(token, EVENTS, { id: chatId });
    const { data } = await service.query(token, 'mutation { createSocketTicket }');
    const { createSocketTicket: ticket } = data as { createSocketTicket: string };
    const byTicket = await RawSocket.open(`${service.wsOrigin}/ws/chat/all/?ticket=${ticket}`);
    await byTicket.next('live');
    raw.send({ type: 'message.send', content: 'from elsewhere' });
    for (const stream of [raw, byTicket, ...all])
      expect(await stream.next('message.created')).toMatchObject({ message: { content: 'from elsewhere' } });
    expect(subprotocol).toBeInstanceOf(RawSocket);
    expect(await subscription.until(1)).toHaveLength(1);
    subscription.end();
    for (const stream of [raw, byTicket, ...all]) await stream.close();
    if (subprotocol instanceof RawSocket) await subprotocol.close();
  });

  it('makes an admin of who has the claim, and no longer with a token without it', async () => {
    accounts.set('boss', { preferred_username: 'boss', roles: ['chat-admin'] });
    expect(await userWith(await signIn('boss'))).toMatchObject({ role: 'admin' });
    accounts.set('boss', { preferred_username: 'boss', roles: [] });
    expect(await userWith(await signIn('boss'))).toMatchObject({ role: 'user' });
  });

  it('of a user who is deactivated is out at once, everywhere', async () => {
    const { token, user } = await newMember('gone');
    const sockets = await Promise.all([service.channel(token, 'all'), inbox(token), service.events(token, 'all')]);
    for (const socket of sockets) await socket.next('live');
    const graphql = await graphqlSocket();
    graphql.send(init(token));
    await graphql.next('connection_ack');
    const admin = await team.signIn('admin');
    const change = 'mutation ($id: ID!) { updateUser(id: $id, isActive: false) { isActive } }';
    expect((await service.query(admin, change, { id: user.id })).codes).toEqual([]);
    for (const socket of [...sockets, graphql]) expect((await socket.closed).code).toBe(4403);
    expect((await service.query(token, '{ me { id } }')).status).toBe(401);
    const fresh = await signIn('gone');
    expect((await service.query(fresh, '{ me { id } }')).status).toBe(401);
    expect((await refusalOf(service.channel(fresh, 'all')))?.status).toBe(401);
  });

  it('without a scope of ours is known, and allows nothing', async () => {
    change = (claims) => {
      claims.scope = 'openid';
    };
    accounts.set('nothing', { preferred_username: 'nothing' });
    const token = await signIn('nothing');
    const response = await fetch(`${service.origin}/graphql/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: '{ me { id } }' }),
    });
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
    const refused = await refusalOf(service.channel(token, 'all'));
    expect(refused).toMatchObject({ status: 403, body: { error: 'insufficient_scope' } });
  });
});

describe('A socket', () => {
  /** Tokens that work for three seconds more, by their leeway. */
  const soonOver = (claims: Claims) => {
    claims.iat = seconds() - 60;
    claims.exp = seconds() - 27;
  };

  it('ends with its token, which may be renewed in place', async () => {
    change = soonOver;
    const { token, user } = await newMember('short');
    change = () => {};
    const longer = await signIn('short');
    const left = await service.channel(token, 'all');
    const renewed = await service.channel(token, 'all');
    const expiresAt = String((await renewed.next('hello')).expiresAt);
    expect(Math.abs(Date.parse(expiresAt) - (Date.now() - 27_000))).toBeLessThan(3000);
    const graphql = await graphqlSocket();
    graphql.send(init(token));
    await graphql.next('connection_ack');
    await renewed.next('token.expiring');
    renewed.send({ type: 'auth', id: 'a', token: longer });
    expect(await renewed.next('ack')).toMatchObject({ id: 'a', expiresAt: expect.any(String) });
    const variables = { token: longer };
    const query = 'mutation ($token: String!) { reauthenticate(token: $token) }';
    graphql.send({ id: '1', type: 'subscribe', payload: { query, variables } });
    expect(await graphql.next('next')).toMatchObject({ payload: { data: { reauthenticate: true } } });
    expect(await left.closed).toEqual({ code: 4403, reason: 'token_expired' });
    expect((await service.query(token, '{ me { id } }')).status).toBe(401);
    renewed.send({ type: 'message.send', id: 'b', content: 'still here' });
    expect(await renewed.next('ack')).toMatchObject({ id: 'b' });
    graphql.send({ id: '2', type: 'subscribe', payload: { query: '{ me { id } }' } });
    expect(await graphql.next('next')).toMatchObject({ payload: { data: { me: { id: user.id } } } });
    await renewed.close();
    await graphql.close();
  });

  it('is not renewed with a token of another user', async () => {
    const { token } = await newMember('one');
    const { token: foreign } = await newMember('two');
    const raw = await service.channel(token, 'all');
    await raw.next('live');
    raw.send({ type: 'auth', id: 'a', token: foreign });
    expect(await raw.next('error')).toMatchObject({ id: 'a', code: 'FORBIDDEN' });
    await raw.close();
  });
});

describe('Forged tokens', () => {
  it('are refused alike, on every edge', async () => {
    const good = await issuer.sign({ sub: 'real' });
    const { id } = await userWith(good);
    await service.app.services.memberships.add(null, chatId, id);
    const raw = await service.channel(good, 'all');
    await raw.next('live');
    const answers = new Map<string, string>();
    for (const [name, token] of await forgedTokens(issuer)) {
      // A token of 64 KiB fits into no frame, and one of 20 KB not into the headers of a request.
      if (token.length > 65_000) continue;
      raw.send({ type: 'auth', id: 'f', token });
      answers.set(name, JSON.stringify(await raw.next()));
      if (token.length > 16_000) continue;
      const { status, codes } = await service.query(token, '{ me { id } }');
      expect({ name, status, codes }).toEqual({ name, status: 401, codes: ['UNAUTHENTICATED'] });
      const graphql = await graphqlSocket();
      graphql.send(init(token));
      expect({ name, closed: await graphql.closed }).toEqual({
        name,
        closed: { code: 4401, reason: 'unauthenticated' },
      });
      const statuses = (await refusals(token)).map((refused) => refused?.status);
      expect({ name, statuses }).toEqual({ name, statuses: [401, 401, 401] });
    }
    expect([...new Set(answers.values())].map((text) => JSON.parse(text))).toEqual([
      { type: 'error', id: 'f', code: 'UNAUTHENTICATED', field: 'token', message: expect.any(String) },
    ]);
    raw.send({ type: 'ping', id: 'p' });
    expect(await raw.next('pong')).toMatchObject({ id: 'p' });
    await raw.close();
  });
});

/** The last, since the provider has other keys from here on. */
describe('The provider', () => {
  it('may change its keys: tokens of new ones are taken, of old ones those that were used before', async () => {
    const { token: used } = await newMember('rotator');
    const old = await signIn('rotator');
    provider.rotateKeys(await signingKey('second'));
    const fresh = await signIn('rotator');
    elapsedMs += 31_000;
    expect((await service.query(fresh, '{ me { id } }')).status).toBe(200);
    expect((await service.query(used, '{ me { id } }')).status).toBe(200);
    expect((await service.query(old, '{ me { id } }')).status).toBe(401);
  });

  it('may be away: tokens whose key is known go on, others are for later, on every edge', async () => {
    const { token: used } = await newMember('patient');
    const unused = await signIn('patient');
    provider.rotateKeys(await signingKey('third'));
    const unknown = await signIn('patient');
    elapsedMs += 31_000;
    await provider.goAway();
    expect((await service.query(used, '{ me { id } }')).status).toBe(200);
    expect((await service.query(unused, '{ me { id } }')).status).toBe(200);
    const raw = await service.channel(unused, 'all');
    await raw.next('live');

    const response = await fetch(`${service.origin}/graphql/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${unknown}` },
      body: JSON.stringify({ query: '{ me { id } }' }),
    });
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await response.json()).toMatchObject({
      errors: [{ extensions: { code: 'SERVICE_UNAVAILABLE', rule: AWAY, retryAfterMs: expect.any(Number) } }],
    });
    for (const refused of await refusals(unknown)) {
      expect(refused).toMatchObject({ status: 503, body: { error: AWAY } });
      expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(0);
    }
    const graphql = await graphqlSocket();
    graphql.send(init(unknown));
    expect(await graphql.closed).toMatchObject({ code: 1013 });
    raw.send({ type: 'auth', id: 'a', token: unknown });
    expect(await raw.next('error')).toMatchObject({ id: 'a', code: 'SERVICE_UNAVAILABLE', rule: AWAY });

    await provider.comeBack();
    elapsedMs += 6000;
    raw.send({ type: 'auth', id: 'b', token: unknown });
    expect(await raw.next('ack')).toMatchObject({ id: 'b' });
    await raw.close();
  });
});

import Fastify from 'fastify';
import type { JWTPayload } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TOKEN_EXCHANGE } from '../../src/domain/access/client-rules.js';
import type { Clients } from '../../src/domain/access/clients.js';
import { oauthPlugin } from '../../src/oauth/plugin.js';
import { members } from '../support/authorization-server.js';
import { forgedTokens } from '../support/forged-tokens.js';
import { startOwnServices } from '../support/services.js';
import { newKey, seconds, startTokenIssuer, type TokenIssuer } from '../support/token-issuer.js';

const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

let issuer: TokenIssuer;
/** Makes no users. */
let strict: TokenIssuer;
let services: Awaited<ReturnType<typeof startOwnServices>>;
const app = Fastify({ routerOptions: { ignoreTrailingSlash: true } });
let origin: string;
let client: Record<string, string>;

async function newClient(input: Partial<Parameters<Clients['create']>[0]> = {}): Promise<Record<string, string>> {
  const made = await services.clients.create({ name: 'Shop', grants: ['token_exchange'], ...input });
  return { client_id: made.client.id, ...(made.secret && { client_secret: made.secret }) };
}

beforeAll(async () => {
  issuer = await startTokenIssuer();
  issuer.publish(issuer.key, await newKey('rsa', 'RS256'));
  strict = await startTokenIssuer();
  services = await startOwnServices({
    trustedIssuers: [
      issuer.trusted({ admin: { claim: 'roles', value: 'chat-admin' } }),
      strict.trusted({ createsUsers: false }),
    ],
  });
  await app.register(oauthPlugin, services);
  origin = await app.listen({ port: 0, host: '127.0.0.1' });
  client = await newClient();
});
afterEach(() => expect(services.errors.splice(0)).toEqual([]));
afterAll(async () => {
  await app.close();
  await services.close();
  await issuer.close();
  await strict.close();
});

const exchange = (token: string, more: Record<string, string> = {}, credentials = client) =>
  fetch(`${origin}/oauth/token/`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: TOKEN_EXCHANGE,
      subject_token: token,
      subject_token_type: JWT,
      ...credentials,
      ...more,
    }),
  });

/** The viewer of the token that an exchange gave. */
async function viewerOf(response: Response) {
  const body = await members(response);
  expect({ status: response.status, error: body.error }).toEqual({ status: 200, error: undefined });
  return { body, viewer: await services.tokens.authenticate(String(body.access_token)) };
}

async function errorOf(response: Response) {
  const body = await members(response);
  expect(Object.keys(body).sort()).toEqual(['error', 'error_description']);
  expect(response.headers.get('cache-control')).toBe('no-store');
  return { status: response.status, error: body.error };
}

const REFUSED = { status: 400, error: 'invalid_request' };
const idToken = (claims: JWTPayload = {}, header = {}) =>
  issuer.sign({ nonce: 'n', at_hash: 'h', scope: undefined, ...claims }, { typ: 'JWT', ...header });

describe('A token of a trusted issuer', () => {
  it('is exchanged for a token of ours, of the user whom it names', async () => {
    const response = await exchange(await issuer.sign({ sub: 'jane', preferred_username: 'jane' }));
    expect(response.headers.get('cache-control')).toBe('no-store');
    const { body, viewer } = await viewerOf(response);
    expect(body).toEqual({
      access_token: expect.stringMatching(/^cat_[\w-]{43}$/),
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      scope: 'read write',
    });
    expect(viewer).toMatchObject({ user: { username: 'jane', role: 'user' }, clientId: client.client_id, graceMs: 0 });
    const asBearer = await services.tokens.authenticate(await issuer.sign({ sub: 'jane' }));
    expect(asBearer?.user?.id).toBe(viewer?.user?.id);
  });

  it('lives as long as the other one, or as ours do where that is shorter', async () => {
    const now = seconds();
    const short = await members(await exchange(await issuer.sign({ exp: now + 90 })));
    expect(short.expires_in).toBeGreaterThan(80);
    expect(short.expires_in).toBeLessThanOrEqual(90);
    const long = await members(await exchange(await issuer.sign({ exp: now + 1_000_000 })));
    expect(long.expires_in).toBe(36_000);
    // Within the leeway for bearer tokens.
    expect(await errorOf(await exchange(await issuer.sign({ iat: now - 60, exp: now - 5 })))).toEqual(REFUSED);
  });

  it('gives no scope that it has not, or the client, or that was not asked for', async () => {
    const scopeOf = async (token: string, more = {}, credentials = client) =>
      (await viewerOf(await exchange(token, more, credentials))).body.scope;
    const both = await issuer.sign();
    const reading = await issuer.sign({ scope: 'openid chat:read' });
    const reader = await newClient({ scopes: ['read', 'introspection'] });
    expect(await scopeOf(both, { scope: 'read' })).toBe('read');
    expect(await scopeOf(reading)).toBe('read');
    expect(await scopeOf(both, {}, reader)).toBe('read');
    for (const [token, scope, credentials] of [
      [reading, 'read write', client],
      [both, 'introspection', reader],
      [both, 'admin', client],
      [await issuer.sign({ scope: 'openid' }), undefined, client],
    ] as const) {
      const response = await exchange(token, scope === undefined ? {} : { scope }, credentials);
      expect(await errorOf(response)).toEqual({ status: 400, error: 'invalid_scope' });
    }
  });

  it('brings its role, and is nothing for who is not active or was signed out since', async () => {
    const sign = (claims: JWTPayload = {}) => issuer.sign({ sub: 'boss', roles: ['chat-admin'], ...claims });
    const { viewer } = await viewerOf(await exchange(await sign()));
    const userId = viewer?.user?.id ?? '';
    expect(viewer?.user?.role).toBe('admin');
    await services.newUser('admin');
    const old = await sign({ iat: seconds() - 10 });
    await services.tokens.revokeUserFamilies(userId);
    expect(await errorOf(await exchange(old))).toEqual(REFUSED);
    const { body } = await viewerOf(await exchange(await sign({ iat: seconds() + 1 })));
    await services.users.update(userId, { isActive: false });
    expect(await errorOf(await exchange(await sign()))).toEqual(REFUSED);
    expect(await services.tokens.authenticate(String(body.access_token))).toBeUndefined();
  });

  it('is of nobody who is unknown where the issuer makes no users, and never of a bot', async () => {
    const unknown = await strict.sign({ sub: 'unknown' });
    expect(await errorOf(await exchange(unknown))).toEqual(REFUSED);
    const { id } = await services.newUser();
    await services.db.prisma.user.update({ where: { id }, data: { kind: 'bot' } });
    await services.db.prisma.externalIdentity.create({
      data: { issuer: strict.issuer, subject: 'unknown', userId: id },
    });
    expect(await errorOf(await exchange(unknown))).toEqual(REFUSED);
  });

  it('gives a token that issues none, though its application may', async () => {
    const bot = await services.bots.forService('backend', 'admin');
    const backend = await newClient({ serviceUserId: bot, grants: ['token_exchange', 'issue_token'] });
    const token = await issuer.sign({ sub: 'chief', roles: ['chat-admin'] });
    const { viewer } = await viewerOf(await exchange(token, {}, backend));
    if (!viewer) throw new Error('There is no viewer.');
    const user = await services.newUser();
    await expect(services.impersonation.issue(viewer, { user: { id: user.id }, expiresIn: 60 })).rejects.toMatchObject({
      code: 'FORBIDDEN',
      rule: 'token.grant',
    });
  });

  it('waits while its issuer is away and its key not known: 503 temporarily_unavailable', async () => {
    const away = await startTokenIssuer();
    const own = await startOwnServices({ trustedIssuers: [away.trusted()] });
    const server = Fastify({ routerOptions: { ignoreTrailingSlash: true } });
    await server.register(oauthPlugin, own);
    const token = await away.sign();
    await away.close();
    try {
      const { client: shop, secret } = await own.clients.create({ name: 'Shop', grants: [TOKEN_EXCHANGE] });
      const response = await server.inject({
        method: 'POST',
        url: '/oauth/token/',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: new URLSearchParams({
          grant_type: TOKEN_EXCHANGE,
          subject_token: token,
          subject_token_type: JWT,
          client_id: shop.id,
          client_secret: secret ?? '',
        }).toString(),
      });
      expect(response.statusCode).toBe(503);
      expect(response.json()).toMatchObject({ error: 'temporarily_unavailable' });
      expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
      expect(own.errors.splice(0)).not.toEqual([]);
    } finally {
      await server.close();
      await own.close();
    }
  });
});

describe('An ID token', () => {
  it('is exchanged, when it is for the audience of the issuer or for the client that asks', async () => {
    const phone = await newClient({ id: 'phone', isPublic: true });
    const { body, viewer } = await viewerOf(
      await exchange(await idToken({ aud: 'phone', sub: 'ida' }), { subject_token_type: ID_TOKEN }, phone),
    );
    expect(body).toMatchObject({ scope: 'read write', issued_token_type: ACCESS_TOKEN });
    expect(viewer).toMatchObject({ clientId: 'phone' });
    const forUs = await exchange(await idToken({ sub: 'ida' }), { subject_token_type: ID_TOKEN });
    expect((await viewerOf(forUs)).viewer?.user?.id).toBe(viewer?.user?.id);
    for (const foreign of [await idToken({ aud: 'phone' }), await idToken({ aud: 'another' })])
      expect(await errorOf(await exchange(foreign, { subject_token_type: ID_TOKEN }))).toEqual(REFUSED);
  });

  it('is no bearer token, before and after, and no access token is one', async () => {
    const token = await idToken({ sub: 'ida' });
    await viewerOf(await exchange(token, { subject_token_type: ID_TOKEN }));
    expect(await services.tokens.authenticate(token)).toBeUndefined();
    expect(await errorOf(await exchange(token))).toEqual(REFUSED);
    expect(await errorOf(await exchange(await issuer.sign(), { subject_token_type: ID_TOKEN }))).toEqual(REFUSED);
  });

  it('is no disguise in which an access token would get more scopes than it has', async () => {
    const asIdToken = async (claims: JWTPayload, credentials = client) => {
      const token = await issuer.sign({ sub: 'ida', scope: undefined, ...claims }, { typ: 'JWT' });
      return errorOf(await exchange(token, { subject_token_type: ID_TOKEN }, credentials));
    };
    const aud = ['chat', client.client_id ?? ''];
    for (const claims of [{ scope: 'chat:read' }, { scp: ['chat:read'] }, { typ: 'Bearer' }]) {
      expect(await asIdToken(claims)).toEqual(REFUSED);
      expect(await asIdToken({ ...claims, aud })).toEqual(REFUSED);
    }
    // Nothing says what it is: it may do what it may as a bearer token.
    expect(await asIdToken({})).toEqual({ status: 400, error: 'invalid_scope' });
    const forClient = await issuer.sign({ sub: 'ida', scope: undefined, aud }, { typ: 'JWT' });
    const { body } = await viewerOf(await exchange(forClient, { subject_token_type: ID_TOKEN }));
    expect(body.scope).toBe('read write');
  });
});

it('refuses every forged token alike', async () => {
  const answers = new Set<string>();
  for (const [name, token] of await forgedTokens(issuer))
    for (const type of [JWT, ID_TOKEN]) {
      // What they are forged as: access tokens.
      if (type === ID_TOKEN && name.startsWith('an ID token')) continue;
      // Longer ones than a form may be.
      if (token.length > 16_000) continue;
      const response = await exchange(token, { subject_token_type: type });
      const text = await response.text();
      expect({ name, type, status: response.status }).toEqual({ name, type, status: 400 });
      answers.add(text);
    }
  expect([...answers].map((text) => JSON.parse(text))).toEqual([
    { error: 'invalid_request', error_description: expect.any(String) },
  ]);
});

it.each([
  ['no subject token', { subject_token: '' }, 'invalid_request'],
  ['no type of it', { subject_token_type: '' }, 'invalid_request'],
  ['a type of ours', { subject_token_type: ACCESS_TOKEN }, 'invalid_request'],
  ['a SAML assertion', { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }, 'invalid_request'],
  ['a token of ours', { subject_token: `cat_${'A'.repeat(43)}` }, 'invalid_request'],
  ['an actor', { actor_token: 'x', actor_token_type: JWT }, 'invalid_request'],
  ['another type that is asked for', { requested_token_type: JWT }, 'invalid_request'],
  ['another audience', { audience: 'https://other.example' }, 'invalid_target'],
  ['a resource', { resource: 'https://other.example/' }, 'invalid_target'],
  ['details of authorization', { authorization_details: '[]' }, 'invalid_target'],
  ['chats', { chats: crypto.randomUUID() }, 'invalid_target'],
])('refuses %s', async (_name, more, error) => {
  expect(await errorOf(await exchange(await issuer.sign(), more))).toEqual({ status: 400, error });
});

it('is in the metadata, where an issuer is trusted', async () => {
  const metadata = await members(await fetch(`${origin}/.well-known/oauth-authorization-server`));
  expect(metadata.grant_types_supported).toContain(TOKEN_EXCHANGE);
});

it('takes our own issuer as the audience, and the type that it issues', async () => {
  await viewerOf(await exchange(await issuer.sign(), { audience: origin, requested_token_type: ACCESS_TOKEN }));
});

it('is for applications that have the grant, under either of its names', async () => {
  const token = await issuer.sign();
  const other = await newClient({ grants: ['password'] });
  expect(await errorOf(await exchange(token, {}, other))).toEqual({ status: 400, error: 'unauthorized_client' });
  await viewerOf(await exchange(token, {}, await newClient({ grants: [TOKEN_EXCHANGE, 'token_exchange'] })));
  const wrong = { ...client, client_secret: 'wrong' };
  expect(await errorOf(await exchange(token, {}, wrong))).toEqual({ status: 401, error: 'invalid_client' });
  const short = await exchange(token, { grant_type: 'token_exchange' });
  expect(await errorOf(short)).toEqual({ status: 400, error: 'unsupported_grant_type' });
});

import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Service, startTeam } from '../support/service.js';

interface Challenge {
  status: number;
  challenge: string | undefined;
}

/**
 * Every place that takes a Bearer token over HTTP, and how one asks there. A GraphQL socket is not among them: its token may
 * come with `connection_init`, so it opens first, and a token that is no good closes it with 4401
 * (tests/graphql/protocol/authentication.test.ts).
 */
const RESOURCES: Record<
  string,
  (service: Service, authorization: string | undefined, search?: string) => Promise<Challenge>
> = {
  'GraphQL over HTTP': (service, authorization, search = '') =>
    ask(service, `/graphql/${search}`, authorization, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: 'mutation { createChat(name: "x") { id } }' }),
    }),
  'the raw channel': (service, authorization, search = '') =>
    ask(service, `/ws/chat/all/${search}`, authorization, upgrade()),
  introspection: (service, authorization, search = '') =>
    ask(service, `/oauth/introspect/${search}`, authorization, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'token=x',
    }),
};

interface Asking {
  method?: string;
  headers: Record<string, string>;
  body?: string;
}

function upgrade(): Asking {
  const key = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' };
  return { headers: { connection: 'Upgrade', upgrade: 'websocket', ...key } };
}

function ask(service: Service, path: string, authorization: string | undefined, asking: Asking): Promise<Challenge> {
  return new Promise((resolve, reject) => {
    const headers = { ...asking.headers, ...(authorization !== undefined && { authorization }) };
    const request = httpRequest(service.origin + path, { method: asking.method ?? 'GET', headers });
    request.once('error', reject);
    request.once('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, challenge: undefined });
    });
    request.once('response', (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, challenge: response.headers['www-authenticate'] });
    });
    request.end(asking.body);
  });
}

/** https://datatracker.ietf.org/doc/html/rfc6750#section-3 */
describe.each(Object.entries(RESOURCES))('A Bearer token at %s', (name, request) => {
  let team: Awaited<ReturnType<typeof startTeam>>;
  let service: Service;
  beforeAll(async () => {
    team = await startTeam();
    service = team.first;
    await service.app.services.chats.create('all');
  });
  afterAll(() => team.close());

  it('that is missing: a challenge without a description of the token (§3.1)', async () => {
    const { status, challenge } = await request(service, undefined);
    // Who asks GraphQL without a token gets errors field by field; introspection then expects a client.
    expect(status).toBe(name === 'GraphQL over HTTP' ? 200 : 401);
    expect(challenge).toBe(name === 'introspection' ? 'Bearer error="invalid_client"' : 'Bearer realm="chat"');
  });

  it('that stands in a query or a form opens nothing (§2.2, §2.3)', async () => {
    const token = await team.signIn('admin');
    const asked = await request(service, undefined, `?access_token=${token}`);
    // Introspection takes no query at all.
    if (name === 'introspection') expect(asked.status).toBe(400);
    else expect(asked).toEqual(await request(service, undefined));
    const form = await ask(service, name === 'introspection' ? '/oauth/introspect/' : '/graphql/', undefined, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `token=x&query=%7Bme%7Bid%7D%7D&access_token=${token}`,
    });
    expect(form.status).toBe(name === 'introspection' ? 401 : 415);
  });

  it.each(['Bearer', 'Bearer ', 'Bearer a b', 'Bearer "x"', 'Bearer ä'])(
    'that is malformed (%j): 400 invalid_request',
    async (authorization) => {
      const { status, challenge } = await request(service, Buffer.from(authorization).toString('latin1'));
      expect({ status, challenge }).toEqual({
        status: 400,
        challenge: expect.stringMatching(/^Bearer realm="chat", error="invalid_request", error_description="[^"]+"$/),
      });
    },
  );

  it('that is unknown, expired or revoked: 401 invalid_token', async () => {
    const revoked = await team.signIn('admin');
    await service.app.services.tokens.revoke(revoked, team.credentials.client_id);
    const expired = await team.signIn('admin');
    await service.app.db.pool.query('UPDATE access_tokens SET expires_at = now() - make_interval(secs => 1)');
    for (const token of [`cat_${'A'.repeat(43)}`, 'a'.repeat(30), 'x', revoked, expired])
      expect(await request(service, `Bearer ${token}`)).toEqual({
        status: 401,
        challenge:
          'Bearer realm="chat", error="invalid_token", error_description="The access token is unknown, expired or revoked."',
      });
  });

  it('of too little scope: 403 insufficient_scope with the scope that is needed', async () => {
    const scope = { 'GraphQL over HTTP': 'write', introspection: 'introspection' }[name] ?? 'read';
    const token = await team.signIn('admin', { scope: scope === 'read' ? 'write' : 'read' });
    expect(await request(service, `Bearer ${token}`)).toEqual({
      status: 403,
      challenge: `Bearer realm="chat", error="insufficient_scope", error_description="The access token lacks the scope '${scope}'.", scope="${scope}"`,
    });
  });

  it('that is good, whatever the case of its scheme, opens', async () => {
    const token = await team.signIn('admin');
    // At introspection a user's token gets as far as the question for its scope.
    const wanted = name === 'introspection' ? [403] : [200, 101];
    expect(wanted).toContain((await request(service, `bearer  ${token}`)).status);
  });
});

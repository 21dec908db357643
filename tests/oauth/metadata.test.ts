import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuthorizationServer, members, startAuthorizationServer } from '../support/authorization-server.js';

const PATH = '/.well-known/oauth-authorization-server';

/** RFC 8414. */
describe(`GET ${PATH}`, () => {
  let server: AuthorizationServer;
  beforeAll(async () => {
    server = await startAuthorizationServer();
  });
  afterAll(() => server.close());

  it('describes what there is, as JSON, and leaves out what there is not', async () => {
    const response = await fetch(server.origin + PATH);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    const { origin } = server;
    expect(await response.json()).toEqual({
      issuer: origin,
      authorization_endpoint: `${origin}/oauth/authorize/`,
      token_endpoint: `${origin}/oauth/token/`,
      revocation_endpoint: `${origin}/oauth/revoke_token/`,
      introspection_endpoint: `${origin}/oauth/introspect/`,
      scopes_supported: ['read', 'write', 'introspection'],
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['password', 'refresh_token', 'authorization_code', 'client_credentials'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    });
  });

  it('says the issuer that its reader asked, and names endpoints that are there', async () => {
    const issuer = server.origin.replace('127.0.0.1', 'localhost');
    const metadata = await members(await fetch(issuer + PATH));
    expect(metadata.issuer).toBe(issuer);
    const endpoints = Object.entries(metadata).filter(([name]) => name.endsWith('_endpoint'));
    expect(endpoints).toHaveLength(4);
    for (const [, url] of endpoints) {
      const response = await fetch(String(url), { method: 'POST', redirect: 'manual' });
      expect([303, 400]).toContain(response.status);
    }
  });
});

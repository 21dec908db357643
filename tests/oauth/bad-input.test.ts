import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AuthorizationServer,
  basic,
  members,
  PASSWORD,
  startAuthorizationServer,
  type TestClient,
} from '../support/authorization-server.js';

describe('Bad input to the OAuth2 endpoints', () => {
  let server: AuthorizationServer;
  let app: TestClient;

  beforeAll(async () => {
    server = await startAuthorizationServer();
    app = await server.newClient();
  });
  afterAll(() => server.close());

  const send = (body: RequestInit['body'] | undefined, headers: Record<string, string>, path = '/oauth/token/') =>
    fetch(server.origin + path, { method: 'POST', headers, ...(body !== undefined && { body }) });
  const urlEncoded = { 'content-type': 'application/x-www-form-urlencoded' };
  const multipart = { 'content-type': 'multipart/form-data; boundary=b' };
  const part = (name: string, value: string, more = '') =>
    `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;

  async function expectRefusal(response: Response, status = 400, error = 'invalid_request') {
    const body = await members(response);
    expect({ status: response.status, error: body.error }).toEqual({ status, error });
  }

  it.each([
    ['no body and no media type', undefined, {}],
    ['an empty form', '', urlEncoded],
    ['an empty multipart body', '', multipart],
    ['only ampersands', '&&&&=&=', urlEncoded],
    ['broken percent-encoding', 'grant%zz_type=%', urlEncoded],
    ['an empty JSON body', '{}', { 'content-type': 'application/json' }],
    ['malformed JSON', '{"grant', { 'content-type': 'application/json' }],
    ['plain text', 'grant_type=password', { 'content-type': 'text/plain' }],
    ['no such media type', 'grant_type=password', { 'content-type': 'x' }],
    ['multipart without a boundary', 'x', { 'content-type': 'multipart/form-data' }],
    ['multipart that ends in the middle', part('grant_type', 'password'), multipart],
    ['multipart that is something else', 'not multipart at all', multipart],
    ['names of the prototype', 'constructor=1&__proto__=2&toString=3', urlEncoded],
    ['names of the prototype, multipart', `${part('__proto__', 'x')}--b--\r\n`, multipart],
    ['a file', `${part('password', 'x', '; filename="x"')}--b--\r\n`, multipart],
    ['a JSON part', part('x', '{"a":1}').replace('\r\n\r\n', '\r\nContent-Type: application/json\r\n\r\n'), multipart],
  ])('refuses %s', async (_what, body, headers) => {
    await expectRefusal(await send(body, headers));
    await expectRefusal(await send(body, headers, '/oauth/revoke_token/'));
  });

  it('refuses a lone surrogate, which only a part with a charset of its own can carry', async () => {
    const head = `--b\r\nContent-Disposition: form-data; name="username"\r\nContent-Type: text/plain; charset=utf-16le\r\n\r\n`;
    const rest = part('password', PASSWORD) + part('grant_type', 'password') + part('client_id', app.client.id);
    const body = Buffer.concat([
      Buffer.from(head),
      Buffer.from([0x3d, 0xd8]),
      Buffer.from(`\r\n${rest}${part('client_secret', app.secret ?? '')}--b--\r\n`),
    ]);
    await expectRefusal(await send(body, multipart));
  });

  it.each(['/oauth/token/', '/oauth/revoke_token/', '/oauth/introspect/'])(
    'refuses bodies of 1 MiB at %s',
    async (path) => {
      const large = 'x'.repeat(1024 * 1024);
      await expectRefusal(await send(`grant_type=${large}`, urlEncoded, path), 413);
      await expectRefusal(await send(`${part('token', large)}--b--\r\n`, multipart, path), 413);
      await expectRefusal(await send(JSON.stringify({ large }), { 'content-type': 'application/json' }, path));
    },
  );

  it('refuses a 1 MiB multipart body that does not say how long it is', async () => {
    const { hostname, port } = new URL(server.origin);
    for (const more of ['', '; filename="x"']) {
      const chunk = part('token', 'x'.repeat(1024 * 1024), more);
      const socket = connect(Number(port), hostname);
      socket.on('error', () => {}); // The answer may come before everything is sent.
      socket.write(
        `POST /oauth/token/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n` +
          `Content-Type: multipart/form-data; boundary=b\r\n\r\n${chunk.length.toString(16)}\r\n${chunk}\r\n0\r\n\r\n`,
      );
      expect(await text(socket)).toMatch(/^HTTP\/1.1 4(00|13) .*"invalid_request"/s);
    }
  });

  it('refuses more parameters than anybody needs', async () => {
    const body = `${Array.from({ length: 100 }, (_, index) => part(`p${index}`, 'x')).join('')}--b--\r\n`;
    await expectRefusal(await send(body, multipart), 413);
  });

  it.each([
    ['U+0000', 'an\0n'],
    ['a bell', 'an\u0007n'],
    ['an emoji', '💬'],
    ['10,000 characters', 'x'.repeat(10_000)],
    ['SQL', "' OR 1=1 --"],
  ])('answers a username of %s as an unknown user', async (_what, username) => {
    const form = { grant_type: 'password', username, password: PASSWORD, ...app.credentials };
    await expectRefusal(await server.post('/oauth/token/', form), 400, 'invalid_grant');
  });

  it.each(['pass\0word', 'p💬ss wörd', 'x'.repeat(10_000)])(
    'takes any text for a password, right or wrong',
    async (password) => {
      const { username } = await server.newUser();
      const form = { grant_type: 'password', username, password, ...app.credentials };
      await expectRefusal(await server.post('/oauth/token/', form), 400, 'invalid_grant');
    },
  );

  it('signs in with a password that mixes letters and emoji', async () => {
    const { username } = await server.newUser();
    await server.users.setPassword(username, 'p💬ss wörd');
    const form = { grant_type: 'password', username, password: 'p💬ss wörd', ...app.credentials };
    expect((await server.post('/oauth/token/', form)).status).toBe(200);
  });

  it('takes a secret in HTTP Basic beside a multipart body', async () => {
    const headers = { ...multipart, ...basic(app.client.id, app.secret ?? '') };
    const response = await send(`${part('grant_type', 'client_credentials')}--b--\r\n`, headers);
    expect(response.status).toBe(200);
  });

  it('answers no request above with a server error, and logs no password, secret or token', async () => {
    const written = [PASSWORD, app.secret ?? '', basic(app.client.id, app.secret ?? '').authorization.slice(6)];
    const isFault = (line: string) => /"level":[56]0|"statusCode":5/.test(line);
    const isLeak = (line: string) => /c[art]t_[\w-]{43}/.test(line) || written.some((text) => line.includes(text));
    expect(server.log.length).toBeGreaterThan(100);
    expect(server.log.filter((line) => isFault(line) || isLeak(line))).toEqual([]);
  });
});

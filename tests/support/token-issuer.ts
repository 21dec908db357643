import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import type { TrustedIssuer } from '../../src/domain/access/issuers/trusted-issuer.js';

/** A key that an issuer signs with. */
export interface IssuerKey {
  kid: string;
  alg: string;
  publicJwk: JWK;
  publicKey: CryptoKey;
  privateKey: CryptoKey;
}

export async function newKey(kid: string, alg = 'ES256'): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }, publicKey, privateKey };
}

/** Seconds since 1970. */
export const seconds = () => Math.floor(Date.now() / 1000);

/** An issuer of tokens that signs whatever a test wants, on a free port of the loopback address. */
export async function startTokenIssuer() {
  let keys: readonly IssuerKey[] = [await newKey('first')];
  const signingKey = () => {
    const [first] = keys;
    if (!first) throw new Error('The issuer has no key.');
    return first;
  };
  const requests: string[] = [];
  /** Answers in place of metadata and keys. */
  let answerInstead: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  const json = (response: ServerResponse, body: unknown) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    if (answerInstead) answerInstead(request, response);
    else if (request.url === '/.well-known/openid-configuration')
      json(response, { issuer, jwks_uri: `${issuer}/keys` });
    else if (request.url === '/keys') json(response, { keys: keys.map(({ publicJwk }) => publicJwk) });
    else response.writeHead(404).end();
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });

  return {
    issuer,
    /** The paths that were asked for, in order. */
    requests,
    get key() {
      return signingKey();
    },
    /** Publishes these keys alone, and signs with the first. */
    publish(...others: IssuerKey[]) {
      keys = others;
    },
    answerWith(answer: typeof answerInstead) {
      answerInstead = answer;
    },
    /** A token for `chat` with the scopes of both, good for five minutes. Undefined takes a claim away. */
    sign(
      claims: JWTPayload = {},
      header: Record<string, unknown> = {},
      { kid, alg, privateKey }: IssuerKey = signingKey(),
    ) {
      const now = seconds();
      const usual = { iss: issuer, aud: 'chat', sub: 'ann', iat: now, exp: now + 300, scope: 'chat:read chat:write' };
      return new SignJWT({ ...usual, ...claims })
        .setProtectedHeader({ alg, kid, typ: 'at+jwt', ...header })
        .sign(privateKey, { crit: { exp: true } });
    },
    /** Its place in the configuration. */
    trusted(more: Partial<TrustedIssuer> = {}): TrustedIssuer {
      return {
        issuer,
        audiences: ['chat'],
        nameClaim: 'preferred_username',
        createsUsers: true,
        syncsNames: false,
        defaultScopes: [],
        ...more,
      };
    },
    goAway: close,
    comeBack: () => listen(port),
    close,
  };
}

export type TokenIssuer = Awaited<ReturnType<typeof startTokenIssuer>>;

import type { FastifyReply, FastifyRequest } from 'fastify';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { ExternalIdentity } from '../../domain/external-users.js';
import type { Browser } from '../authorize/browser.js';
import type { PublicAddress } from '../public-address.js';
import { textOf } from './fetch-json.js';
import { OAuthClient } from './oauth-client.js';
import { discover, type OidcMetadata } from './oidc-metadata.js';
import { type ExternalProvider, ExternalSignInError } from './provider.js';

export interface OidcSettings {
  key: string;
  label: string;
  issuer: string;
  clientId: string;
  clientSecret: string;
}

/** Signatures that the provider alone can make; HS256 would be made with the secret that both know, "none" by anybody. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** Seconds that two clocks may differ. */
const CLOCK_TOLERANCE = 60;

/** Any provider of OpenID Connect, found by discovery. */
export class OidcProvider implements ExternalProvider {
  readonly key: string;
  readonly label: string;
  private readonly client: OAuthClient;
  private found: Promise<OidcMetadata> | undefined;

  constructor(
    private readonly settings: OidcSettings,
    context: { browser: Browser; addressOf: PublicAddress },
  ) {
    this.key = settings.key;
    this.label = settings.label;
    this.client = new OAuthClient({ key: settings.key, ...context }, async () => {
      const { authorizationEndpoint, tokenEndpoint, secretIn } = await this.metadata();
      return {
        scope: ['openid', 'profile', 'email'],
        credentials: {
          client: { id: settings.clientId, secret: settings.clientSecret },
          auth: {
            authorizeHost: authorizationEndpoint.origin,
            authorizePath: authorizationEndpoint.pathname + authorizationEndpoint.search,
            tokenHost: tokenEndpoint.origin,
            tokenPath: tokenEndpoint.pathname + tokenEndpoint.search,
          },
          options: { authorizationMethod: secretIn },
        },
      };
    });
  }

  async start(request: FastifyRequest, reply: FastifyReply, nonce: string): Promise<URL> {
    const url = await this.client.authorizationUrl(request, reply);
    url.searchParams.set('nonce', nonce);
    return url;
  }

  async finish(request: FastifyRequest, reply: FastifyReply, nonce: string): Promise<ExternalIdentity> {
    // https://datatracker.ietf.org/doc/html/rfc9207#section-2.4
    const iss = new URL(request.url, 'http://callback').searchParams.get('iss');
    if (iss !== null && iss !== this.settings.issuer) throw new ExternalSignInError('Another issuer answered (iss).');
    const { id_token: idToken } = await this.client.exchange(request, reply);
    if (idToken === undefined) throw new ExternalSignInError('The provider gave no ID token.');
    const claims = await this.verify(idToken, nonce);
    const email = claims.email_verified === false ? undefined : textOf(claims.email);
    return {
      issuer: this.settings.issuer,
      subject: textOf(claims.sub) ?? '',
      usernames: [textOf(claims.preferred_username), email?.split('@')[0], textOf(claims.name)],
      email,
      firstName: textOf(claims.given_name),
      lastName: textOf(claims.family_name),
    };
  }

  /** https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation */
  private async verify(idToken: string, nonce: string): Promise<JWTPayload> {
    const { keys } = await this.metadata();
    const { issuer, clientId } = this.settings;
    try {
      const { payload } = await jwtVerify(idToken, keys, {
        issuer,
        audience: clientId,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE,
        requiredClaims: ['sub', 'exp', 'iat', 'nonce'],
      });
      if (payload.nonce !== nonce) throw new ExternalSignInError('The ID token is of another sign-in (nonce).');
      const isForUs =
        payload.azp === undefined
          ? typeof payload.aud === 'string' || payload.aud?.length === 1
          : payload.azp === clientId;
      if (!isForUs) throw new ExternalSignInError('The ID token is for another client (azp).');
      if (!textOf(payload.sub)) throw new ExternalSignInError('The ID token names nobody.');
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new ExternalSignInError(`The ID token is no good: ${error.message}`);
      throw error;
    }
  }

  /** Asked for once; after a failure at the next sign-in again. */
  private metadata(): Promise<OidcMetadata> {
    this.found ??= discover(this.settings.issuer).catch((error: unknown) => {
      this.found = undefined;
      throw error;
    });
    return this.found;
  }
}

import type { FastifyReply, FastifyRequest } from 'fastify';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { textOf } from '../../domain/access/issuers/fetch-json.js';
import { SIGNATURE_ALGORITHMS } from '../../domain/access/issuers/signature-algorithms.js';
import type { ExternalIdentity } from '../../domain/people/external-users.js';
import type { BrowserCookie } from '../authorize/browser-cookie.js';
import type { PublicUrlOf } from '../public-url.js';
import { discover, type OidcMetadata } from './oidc-metadata.js';
import { type ExternalProvider, ExternalSignInError } from './provider.js';
import { type ClientSettings, ProviderClient } from './provider-client.js';

export interface OidcSettings {
  key: string;
  label: string;
  issuer: string;
  clientId: string;
  clientSecret: string;
}

/** Allowed difference between the two clocks, in seconds. */
const CLOCK_TOLERANCE = 60;

/** How long a provider's metadata is cached, in milliseconds. */
const METADATA_MS = 3_600_000;

interface Discovered {
  metadata: OidcMetadata;
  client: ClientSettings;
}

/** A provider of OpenID Connect with discovery. */
export class OidcProvider implements ExternalProvider {
  readonly key: string;
  readonly label: string;
  private readonly client: ProviderClient;
  private found: Promise<Discovered> | undefined;
  private staleAt = 0;

  constructor(
    private readonly settings: OidcSettings,
    context: { browser: BrowserCookie; publicUrlOf: PublicUrlOf },
  ) {
    this.key = settings.key;
    this.label = settings.label;
    this.client = new ProviderClient({ key: settings.key, ...context }, async () => (await this.discovered()).client);
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
    const { keys } = (await this.discovered()).metadata;
    const { issuer, clientId } = this.settings;
    try {
      const { payload } = await jwtVerify(idToken, keys, {
        issuer,
        audience: clientId,
        algorithms: SIGNATURE_ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE,
        requiredClaims: ['sub', 'exp', 'iat', 'nonce'],
      });
      if (payload.nonce !== nonce) throw new ExternalSignInError('The ID token belongs to another sign-in (nonce).');
      const isForUs =
        payload.azp === undefined
          ? typeof payload.aud === 'string' || payload.aud?.length === 1
          : payload.azp === clientId;
      if (!isForUs) throw new ExternalSignInError('The ID token is for another client (azp).');
      if (!textOf(payload.sub)) throw new ExternalSignInError('The ID token has no subject (sub).');
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new ExternalSignInError(`The ID token is invalid: ${error.message}`);
      throw error;
    }
  }

  /** Fetches the metadata at most once an hour; a failed fetch is retried at the next sign-in. */
  private discovered(): Promise<Discovered> {
    const now = performance.now();
    if (!this.found || now >= this.staleAt) {
      this.staleAt = now + METADATA_MS;
      const found = discover(this.settings.issuer).then((metadata) => ({
        metadata,
        client: this.clientSettings(metadata),
      }));
      found.catch(() => {
        if (this.found === found) this.found = undefined;
      });
      this.found = found;
    }
    return this.found;
  }

  private clientSettings({ authorizationEndpoint, tokenEndpoint, secretIn }: OidcMetadata): ClientSettings {
    return {
      scope: ['openid', 'profile', 'email'],
      credentials: {
        client: { id: this.settings.clientId, secret: this.settings.clientSecret },
        auth: {
          authorizeHost: authorizationEndpoint.origin,
          authorizePath: authorizationEndpoint.pathname + authorizationEndpoint.search,
          tokenHost: tokenEndpoint.origin,
          tokenPath: tokenEndpoint.pathname + tokenEndpoint.search,
        },
        options: { authorizationMethod: secretIn },
      },
    };
  }
}

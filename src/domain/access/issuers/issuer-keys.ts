import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { DomainError } from '../../errors.js';
import { endpointIn, fetchMetadata } from './discovery.js';
import { fetchJson, ProviderError } from './fetch-json.js';
import type { TrustedIssuer } from './trusted-issuer.js';

/** Bytes of an answer of a trusted issuer. */
const MAX_ANSWER = 64 * 1024;
/** Keys are fetched anew when they are older, in milliseconds. A key that is published before it is used is then never unknown. */
const KEYS_MS = 600_000;
/** How long after a fetch an unknown key is not looked for again, in milliseconds. */
const UNKNOWN_KEY_MS = 30_000;
/** How long after a fetch that failed the issuer is not asked again, in milliseconds. */
const RETRY_MS = 5000;

/**
 * The keys of one trusted issuer. Those that are known work also while the issuer is away. An unknown key is looked for, at most once in
 * 30 s, however many tokens name one.
 */
export class IssuerKeys {
  private known: ReturnType<typeof createLocalJWKSet> | undefined;
  private fetchedAt = Number.NEGATIVE_INFINITY;
  private failedAt = Number.NEGATIVE_INFINITY;
  /** The fetch that is under way. */
  private fetching: Promise<void> | undefined;

  constructor(
    private readonly issuer: Pick<TrustedIssuer, 'issuer' | 'keysUrl'>,
    private readonly onError: (error: unknown, doing: string) => void,
  ) {}

  /**
   * The key of a token, for `jwtVerify`.
   * @throws JWKSNoMatchingKey; DomainError `SERVICE_UNAVAILABLE`, rule `temporarily_unavailable`, when the key is not known and the
   * issuer could not be asked
   */
  readonly get: JWTVerifyGetKey = async (header, token) => {
    const now = performance.now();
    // A fetch that fails is reported, and what is known stays.
    if (this.known && now - this.fetchedAt >= KEYS_MS && this.mayRetry(now)) void this.fetch().catch(() => {});
    const key = await this.known?.(header, token).catch(ifNoneMatches);
    if (key) return key;
    await this.lookAgain(now);
    if (!this.known) throw new errors.JWKSNoMatchingKey();
    return this.known(header, token);
  };

  private async lookAgain(now: number): Promise<void> {
    if (!this.fetching && !this.mayRetry(now)) throw this.unavailable(this.failedAt + RETRY_MS - now);
    if (this.fetching || now - this.fetchedAt >= UNKNOWN_KEY_MS)
      await this.fetch().catch(() => {
        throw this.unavailable(RETRY_MS);
      });
  }

  private mayRetry(now: number): boolean {
    return now - this.failedAt >= RETRY_MS;
  }

  /** Joins the fetch that is under way, if there is one. */
  private fetch(): Promise<void> {
    this.fetching ??= this.fetchKeys().finally(() => {
      this.fetching = undefined;
    });
    return this.fetching;
  }

  private async fetchKeys(): Promise<void> {
    try {
      const keys = await fetchJson(await this.keysUrl(), { maxBytes: MAX_ANSWER });
      if (!isKeySet(keys)) throw new ProviderError(`${this.issuer.issuer} did not answer with keys.`);
      this.known = createLocalJWKSet(keys);
      this.fetchedAt = performance.now();
      this.failedAt = Number.NEGATIVE_INFINITY;
    } catch (error) {
      this.failedAt = performance.now();
      this.onError(error, `fetch the keys of ${this.issuer.issuer}`);
      throw error;
    }
  }

  /** Only the issuer's own origin is asked, unless the configuration names another address. */
  private async keysUrl(): Promise<URL> {
    const { issuer, keysUrl } = this.issuer;
    if (keysUrl !== undefined) return new URL(keysUrl);
    const url = endpointIn(await fetchMetadata(issuer, { maxBytes: MAX_ANSWER }), 'jwks_uri', issuer);
    if (url.origin === new URL(issuer).origin) return url;
    throw new ProviderError(`${issuer} has its keys on another origin: add keys=${url.href} in TRUSTED_ISSUERS.`);
  }

  private unavailable(retryAfterMs: number): DomainError {
    return new DomainError('SERVICE_UNAVAILABLE', 'The issuer of this access token cannot be reached.', {
      rule: 'temporarily_unavailable',
      retryAfterMs: Math.max(retryAfterMs, 0),
    });
  }
}

function ifNoneMatches(error: unknown): undefined {
  if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
}

/** https://datatracker.ietf.org/doc/html/rfc7517#section-5; `createLocalJWKSet` checks the keys. */
function isKeySet(body: Record<string, unknown>): body is Record<string, unknown> & JSONWebKeySet {
  return Array.isArray(body.keys) && body.keys.every((key) => typeof key === 'object' && key !== null);
}

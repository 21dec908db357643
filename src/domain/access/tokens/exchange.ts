import type { Scope, Viewer } from '../../viewer.js';
import type { OAuthClient } from '../clients.js';
import { isIdToken, scopesOf } from '../issuers/token-claims.js';
import type { VerifiedToken } from '../issuers/trusted-issuer.js';
import { selectScopes } from '../scopes.js';
import type { IssuedTokens, NewFamily } from './issue.js';

/** What `Tokens` needs of tokens of trusted issuers (`IssuerTokens`). */
export interface TokensOfIssuers {
  /** The viewer of an access token; undefined when it is refused. */
  authenticate(token: string): Promise<Viewer | undefined>;
  /** The content of a token that is to be exchanged; undefined when it fails a check. */
  verify(token: string, idTokenFor?: string): Promise<VerifiedToken | undefined>;
  /** The id of the user whom a token names, made or changed as its claims say; undefined when there is none who may sign in. */
  admit(token: VerifiedToken): Promise<string | undefined>;
}

/** The kinds of tokens that are exchanged: an access token of a trusted issuer, and an ID token. */
export type SubjectTokenKind = 'access' | 'id';

export interface ExchangeRequest {
  client: OAuthClient;
  token: string;
  kind: SubjectTokenKind;
  /** The scopes that are asked for; undefined for all that there may be. */
  scopes: readonly string[] | undefined;
}

export type ExchangeResult =
  | { outcome: 'issued'; tokens: IssuedTokens }
  | { outcome: 'refused' }
  | { outcome: 'scope_exceeded' };

const REFUSED: ExchangeResult = { outcome: 'refused' };

/**
 * Issues an access token for a token of a trusted issuer. It ends with that one or earlier, has no refresh token, and may do no more than
 * that one as a bearer token; what is certainly an ID token says nothing of scopes.
 * @param usualSeconds the lifetime of our access tokens
 * @param issue starts a family whose access token lives for these seconds
 */
export async function exchange(
  ofIssuers: TokensOfIssuers,
  { client, token, kind, scopes: asked }: ExchangeRequest,
  usualSeconds: number,
  issue: (family: NewFamily, seconds: number) => Promise<IssuedTokens | undefined>,
): Promise<ExchangeResult> {
  const subject = await ofIssuers.verify(token, kind === 'id' ? client.id : undefined);
  if (!subject) return REFUSED;
  const secondsLeft = Math.floor((subject.expiresAt.getTime() - Date.now()) / 1000);
  // The leeway for the issuer's clock is for bearer tokens. What is over gives nothing that could last.
  if (secondsLeft < 1) return REFUSED;
  const scopes = selectScopes(asked, grantable(client, subject, kind));
  if (!scopes || scopes.length === 0) return { outcome: 'scope_exceeded' };
  const userId = await ofIssuers.admit(subject);
  if (userId === undefined) return REFUSED;
  const exchanged = { issuer: subject.issuer.issuer, issuedAt: subject.issuedAt };
  const family = { clientId: client.id, userId, scopes, withRefreshToken: false, exchanged };
  const tokens = await issue(family, Math.min(usualSeconds, secondsLeft));
  return tokens ? { outcome: 'issued', tokens } : REFUSED;
}

/** `introspection` is none of them: it lets its holder see the tokens of others. */
function grantable({ id, scopes }: OAuthClient, subject: VerifiedToken, kind: SubjectTokenKind): Scope[] {
  const ofToken = kind === 'id' && isCertainlyIdToken(subject, id) ? undefined : scopesOf(subject);
  return scopes.filter((scope) => scope !== 'introspection' && (ofToken?.includes(scope) ?? true));
}

/** An access token of few scopes, which is called an ID token, must not become one of all. */
function isCertainlyIdToken({ claims }: VerifiedToken, clientId: string): boolean {
  return isIdToken(claims) || [claims.aud].flat().includes(clientId);
}

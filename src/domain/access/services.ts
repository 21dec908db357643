import type { CredentialServices } from '../credentials/services.js';
import type { Database } from '../database.js';
import type { PeopleServices } from '../people/services.js';
import { Sweeper } from '../sweeper.js';
import { BrowserSessions } from './browser-sessions.js';
import { Clients } from './clients.js';
import { Impersonation } from './impersonation.js';
import type { IssuerTokens, IssuerTokensContext } from './issuers/issuer-tokens.js';
import type { TokenRefusal, TrustedIssuer } from './issuers/trusted-issuer.js';
import { SignIn } from './sign-in.js';
import { SignInCodes } from './sign-in-codes.js';
import { isFullStep } from './tokens/expired.js';
import type { TokenLifetimes } from './tokens/issue.js';
import { Tokens } from './tokens/tokens.js';
import { ViewerCache } from './tokens/viewer-cache.js';

export interface AccessServices {
  tokens: Tokens;
  viewers: ViewerCache;
  clients: Clients;
  signIn: SignIn;
  browserSessions: BrowserSessions;
  signInCodes: SignInCodes;
  impersonation: Impersonation;
}

export interface AccessOptions extends TokenLifetimes {
  /** How often expired tokens, codes, tickets and browser sessions are deleted, in milliseconds. Default: 15 s. */
  sweepIntervalMs?: number;
  /** Identity providers whose access tokens are taken as bearer tokens. Default: none. */
  trustedIssuers?: readonly TrustedIssuer[];
  /** Told of each token that was refused and might be a trusted issuer's. */
  onTokenRefused?: (refusal: TokenRefusal) => void;
}

/**
 * Called after COMMIT: `revoked` with token families that ended, `rotated` with a family whose tokens were rotated, `userChanged` with a
 * user whose role or names follow a new token's claims.
 */
export interface SignInListeners {
  revoked: (familyIds: string[]) => void;
  rotated: (familyId: string) => void;
  userChanged: (userId: string) => void;
}

const SWEEP_INTERVAL_MS = 15_000;

/** Creates the services of this room. `close` stops the sweeper. */
export async function accessServices(
  db: Database,
  { hasher, attempts }: CredentialServices,
  { externalUsers, userUpserts }: Pick<PeopleServices, 'externalUsers' | 'userUpserts'>,
  { revoked, rotated, userChanged }: SignInListeners,
  onError: (error: unknown, doing: string) => void,
  { sweepIntervalMs = SWEEP_INTERVAL_MS, trustedIssuers = [], onTokenRefused, ...lifetimes }: AccessOptions,
): Promise<{ access: AccessServices; close: () => Promise<void> }> {
  const issuerTokens = await createIssuerTokens(db, trustedIssuers, {
    externalUsers,
    viewerOf: (hash) => tokens.viewerOf(hash),
    onUserChange: userChanged,
    onNewFamily: (userId) => tokens.trimFamiliesOfIssuers(userId),
    onError,
    onRefused: (refusal) => onTokenRefused?.(refusal),
  });
  const tokens = new Tokens(db, lifetimes, revoked, rotated, attempts, issuerTokens);
  const sweeper = new Sweeper(async () => isFullStep(await tokens.deleteExpiredStep()), {
    intervalMs: sweepIntervalMs,
    onError: (error) => onError(error, 'delete expired rows'),
  });
  const clients = new Clients(db, hasher, attempts);
  const browserSessions = new BrowserSessions(db);
  const access = {
    tokens,
    viewers: new ViewerCache((accessToken) => tokens.authenticate(accessToken)),
    clients,
    signIn: new SignIn(db, hasher, attempts),
    browserSessions,
    signInCodes: new SignInCodes(db, browserSessions),
    impersonation: new Impersonation(db, clients, tokens, userUpserts),
  };
  return { access, close: () => sweeper.close() };
}

/** Loads the code for trusted issuers only when there are any. */
async function createIssuerTokens(
  db: Database,
  issuers: readonly TrustedIssuer[],
  context: IssuerTokensContext,
): Promise<IssuerTokens | undefined> {
  if (issuers.length === 0) return undefined;
  const { IssuerTokens } = await import('./issuers/issuer-tokens.js');
  return new IssuerTokens(db, issuers, context);
}

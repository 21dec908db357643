import type { CredentialServices } from '../credentials/services.js';
import type { Database } from '../database.js';
import { BrowserSessions } from './browser-sessions.js';
import { Clients } from './clients.js';
import { SignIn } from './sign-in.js';
import type { TokenLifetimes } from './tokens/issue.js';
import { Sweeper } from './tokens/sweeper.js';
import { Tokens } from './tokens/tokens.js';
import { ViewerCache } from './tokens/viewer-cache.js';

export interface AccessServices {
  tokens: Tokens;
  viewers: ViewerCache;
  clients: Clients;
  signIn: SignIn;
  browserSessions: BrowserSessions;
}

export interface AccessOptions extends TokenLifetimes {
  /** How often expired tokens, codes, tickets and browser sessions are deleted, in milliseconds. Default: 15 s. */
  sweepIntervalMs?: number;
}

/** Called after COMMIT: `revoked` with token families that ended, `rotated` with a family whose tokens were rotated. */
export interface SignInListeners {
  revoked: (familyIds: string[]) => void;
  rotated: (familyId: string) => void;
}

const SWEEP_INTERVAL_MS = 15_000;

/** Creates the services of this room. `close` stops the sweeper. */
export function accessServices(
  db: Database,
  { hasher, attempts }: CredentialServices,
  { revoked, rotated }: SignInListeners,
  onError: (error: unknown, doing: string) => void,
  { sweepIntervalMs = SWEEP_INTERVAL_MS, ...lifetimes }: AccessOptions,
): { access: AccessServices; close: () => Promise<void> } {
  const tokens = new Tokens(db, lifetimes, revoked, rotated, attempts);
  const sweeper = new Sweeper(() => tokens.deleteExpiredStep(), {
    intervalMs: sweepIntervalMs,
    onError: (error) => onError(error, 'delete expired rows'),
  });
  const access = {
    tokens,
    viewers: new ViewerCache((accessToken) => tokens.authenticate(accessToken)),
    clients: new Clients(db, hasher, attempts),
    signIn: new SignIn(db, hasher, attempts),
    browserSessions: new BrowserSessions(db),
  };
  return { access, close: () => sweeper.close() };
}

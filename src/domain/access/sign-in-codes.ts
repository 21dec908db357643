import { type Database, query } from '../database.js';
import type { BrowserSessions } from './browser-sessions.js';
import { hashToken, isToken, newToken } from './tokens/opaque-token.js';

const CODE_SECONDS = 300;

const CREATE = {
  name: 'sign-in-code-create',
  text: `INSERT INTO browser_sessions (hash, user_id, expires_at)
    SELECT $1, id, now() + make_interval(secs => $3) FROM users WHERE id = $2 AND is_active AND kind <> 'bot'
    RETURNING hash`,
};

// Two requests with the same code wait for each other here, and the second finds no row.
const REDEEM = {
  name: 'sign-in-code-redeem',
  text: 'DELETE FROM browser_sessions WHERE hash = $1 AND expires_at > now() RETURNING user_id',
};

/**
 * Codes that sign one user in, in one browser, once, within five minutes. A code is stored as its hash, among the browser sessions that
 * it becomes one of: what ends those ends it too, like a new password. It is no session itself, since a session's secret has
 * another prefix.
 */
export class SignInCodes {
  constructor(
    private readonly db: Database,
    private readonly browserSessions: BrowserSessions,
  ) {}

  /** Undefined when the user does not exist, is not active or is a bot. */
  async create(userId: string): Promise<string | undefined> {
    const code = newToken('signIn');
    const rows = await query(this.db, CREATE, [hashToken(code), userId, CODE_SECONDS]);
    return rows.length > 0 ? code : undefined;
  }

  /** Turns a code into a browser session, and returns the secret for its cookie. Undefined for a code that is used, expired or unknown. */
  async redeem(code: string): Promise<string | undefined> {
    if (!isToken('signIn', code)) return undefined;
    const [row] = await query<{ user_id: string }>(this.db, REDEEM, [hashToken(code)]);
    return row && this.browserSessions.start(row.user_id, undefined);
  }
}

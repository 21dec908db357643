import { type Database, query } from './database.js';
import { HOLDER_COLUMNS, type HolderRow, toHolder } from './tokens/holder.js';
import { hashToken, isToken, newToken } from './tokens/opaque-token.js';
import type { UserProfile } from './viewer.js';

/** Seconds. One working day; the cookie itself ends with the browser. */
const SESSION_SECONDS = 12 * 3600;

const START = {
  name: 'browser-session-start',
  text: `WITH holder AS (
      SELECT id FROM users WHERE id = $2 AND is_active AND ($3::int IS NULL OR password_version = $3) FOR SHARE)
    INSERT INTO browser_sessions (hash, user_id, expires_at)
    SELECT $1, holder.id, now() + make_interval(secs => $4) FROM holder
    RETURNING hash`,
};

const FIND = {
  name: 'browser-session-find',
  text: `SELECT ${HOLDER_COLUMNS} FROM browser_sessions s JOIN users u ON u.id = s.user_id
    WHERE s.hash = $1 AND s.expires_at > now() AND u.is_active`,
};

const END = { name: 'browser-session-end', text: 'DELETE FROM browser_sessions WHERE hash = $1' };

/**
 * Sign-ins of browsers on the authorization page. They are rows, of which the cookie holds the key: every process knows them,
 * and a password change or a deactivation ends them. No server key is needed that somebody would have to keep.
 */
export class BrowserSessions {
  constructor(private readonly db: Database) {}

  /**
   * Returns the secret for the cookie, a new one each time. Undefined when the user is gone, not active, or has another
   * password than the one that was checked (`SignedIn`; undefined where none was).
   */
  async start(userId: string, passwordVersion: number | undefined): Promise<string | undefined> {
    const secret = newToken('browserSession');
    const rows = await query(this.db, START, [hashToken(secret), userId, passwordVersion ?? null, SESSION_SECONDS]);
    return rows.length > 0 ? secret : undefined;
  }

  /** Who signed in; undefined for a secret that is unknown or over, or of a user who is not active. */
  async find(secret: string): Promise<UserProfile | undefined> {
    if (!isToken('browserSession', secret)) return undefined;
    const [row] = await query<HolderRow>(this.db, FIND, [hashToken(secret)]);
    return (row && toHolder(row)) ?? undefined;
  }

  async end(secret: string): Promise<void> {
    if (isToken('browserSession', secret)) await query(this.db, END, [hashToken(secret)]);
  }
}

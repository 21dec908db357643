import { type Database, query } from '../database.js';
import type { UserProfile } from '../profile.js';
import { HOLDER_COLUMNS, type HolderRow, toHolder } from './tokens/holder-row.js';
import { hashToken, isToken, newToken } from './tokens/opaque-token.js';

/** Seconds: one working day. The cookie itself ends with the browser. */
const SESSION_SECONDS = 12 * 3600;

/** Sessions of one user. A further sign-in ends the oldest. */
const MAX_SESSIONS = 100;

// SKIP LOCKED: another sign-in is already removing those sessions. A session that a clock running ahead has created counts as the oldest.
const START = {
  name: 'browser-session-start',
  text: `WITH holder AS (
      SELECT id FROM users WHERE id = $2 AND is_active AND kind <> 'bot' AND ($3::int IS NULL OR password_version = $3) FOR SHARE),
    older AS (
      SELECT s.hash FROM browser_sessions s, holder WHERE s.user_id = holder.id
      ORDER BY s.expires_at > (now() + make_interval(secs => $4))::timestamptz(3), s.expires_at DESC OFFSET ${MAX_SESSIONS - 1}),
    removed AS (
      DELETE FROM browser_sessions WHERE hash IN (
        SELECT hash FROM browser_sessions WHERE hash IN (SELECT hash FROM older) ORDER BY hash FOR UPDATE SKIP LOCKED))
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
 * Sessions of browsers on the authorization page. The cookie has a secret, and a row has its hash: every process can find the
 * session, a password change or deactivation ends it, and no key for signing cookies is needed.
 */
export class BrowserSessions {
  constructor(private readonly db: Database) {}

  /**
   * Starts a session and returns the secret for its cookie. Undefined when the user does not exist, is not active or is a bot, or
   * when their password has changed since it was verified.
   * @param passwordVersion the version of the verified password (`SignedIn`); undefined when the user signed in without one
   */
  async start(userId: string, passwordVersion: number | undefined): Promise<string | undefined> {
    const secret = newToken('browserSession');
    const rows = await query(this.db, START, [hashToken(secret), userId, passwordVersion ?? null, SESSION_SECONDS]);
    return rows.length > 0 ? secret : undefined;
  }

  /** The user of a session; undefined when the secret is unknown or expired, or the user is not active. */
  async find(secret: string): Promise<UserProfile | undefined> {
    if (!isToken('browserSession', secret)) return undefined;
    const [row] = await query<HolderRow>(this.db, FIND, [hashToken(secret)]);
    return (row && toHolder(row)) ?? undefined;
  }

  async end(secret: string): Promise<void> {
    if (isToken('browserSession', secret)) await query(this.db, END, [hashToken(secret)]);
  }
}

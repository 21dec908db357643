import { type Database, query } from '../../database.js';
import { DomainError } from '../../errors.js';
import type { Viewer } from '../../viewer.js';
import { FAMILY_IS_ALIVE, HOLDER_COLUMNS } from './holder-row.js';
import { hashToken, newToken } from './opaque-token.js';
import { MS_LEFT, toViewer, type ViewerRow } from './viewers.js';

/** Lifetime of a ticket in seconds (docs/raw-channel.md, "Open it"). */
const TICKET_SECONDS = 30;

/** Unused tickets of one family. A further one deletes the oldest. */
const MAX_TICKETS = 10;

// Locks the family before its tickets, in the order of every statement that deletes families. A ticket that a clock running ahead has
// created counts as the oldest, since it would outlive newer ones. SKIP LOCKED: another statement is already deleting those tickets.
const CREATE = {
  name: 'socket-ticket-create',
  text: `WITH family AS (SELECT id FROM token_families WHERE id = $2 AND revoked_at IS NULL FOR KEY SHARE),
    older AS (
      SELECT t.hash FROM family CROSS JOIN LATERAL (
        SELECT hash FROM socket_tickets WHERE family_id = family.id
        ORDER BY expires_at > (now() + make_interval(secs => $5))::timestamptz(3), expires_at DESC OFFSET ${MAX_TICKETS - 1}) t),
    removed AS (
      DELETE FROM socket_tickets WHERE hash IN (
        SELECT hash FROM socket_tickets WHERE hash IN (SELECT hash FROM older) ORDER BY hash FOR UPDATE SKIP LOCKED))
    INSERT INTO socket_tickets (hash, family_id, scopes, token_expires_at, expires_at)
    SELECT $1, family.id, $3, $4, now() + make_interval(secs => $5) FROM family
    RETURNING hash`,
};

/** The caller must create the tickets of one family one after another: concurrent statements do not see each other's tickets. */
export async function createSocketTicket(db: Database, viewer: Viewer): Promise<string> {
  const ticket = newToken('ticket');
  const { familyId, scopes, expiresAt, graceMs } = viewer;
  const endsAt = graceMs === 0 ? expiresAt : new Date(expiresAt.getTime() + graceMs);
  const values = [hashToken(ticket), familyId, [...scopes], endsAt, TICKET_SECONDS];
  const rows = await query(db, CREATE, values);
  if (rows.length === 0) throw new DomainError('UNAUTHENTICATED', 'A valid access token is required.');
  return ticket;
}

const REDEEM = {
  name: 'socket-tickets-redeem',
  text: `WITH t AS (
      DELETE FROM socket_tickets WHERE hash IN (
        SELECT hash FROM socket_tickets WHERE hash = ANY ($1::bytea[]) ORDER BY hash FOR UPDATE) RETURNING *)
    SELECT t.hash, f.client_id, f.id AS family_id, f.chat_ids, t.scopes, t.token_expires_at AS expires_at, ${MS_LEFT('t.token_expires_at')}, ${HOLDER_COLUMNS}
    FROM t JOIN token_families f ON f.id = t.family_id LEFT JOIN users u ON u.id = f.user_id
    WHERE t.expires_at > now() AND t.token_expires_at > now() AND ${FAMILY_IS_ALIVE}`,
};

/**
 * Deletes the tickets with these hashes and returns their viewers, in the same order; null for an invalid ticket. A ticket is valid
 * once, even when two statements, or one statement twice, redeem it at the same time.
 */
export async function redeemSocketTickets(db: Database, hashes: readonly Buffer[]): Promise<(Viewer | null)[]> {
  const rows = await query<ViewerRow & { hash: Buffer }>(db, REDEEM, [hashes]);
  const viewers = new Map(rows.map((row) => [row.hash.toString('base64'), toViewer(row)]));
  return hashes.map((hash) => {
    const key = hash.toString('base64');
    const viewer = viewers.get(key) ?? null;
    viewers.delete(key);
    return viewer;
  });
}

import { type Database, query } from '../database.js';
import { DomainError } from '../errors.js';
import type { Viewer } from '../viewer.js';
import { toViewer, type ViewerRow } from './access.js';
import { FAMILY_IS_ALIVE, HOLDER_COLUMNS } from './holder.js';
import { hashToken, isToken, newToken } from './opaque-token.js';

/** Seconds in which a ticket must be redeemed (WIRE.md, "Raw channel"). */
const TICKET_SECONDS = 30;

const CREATE = {
  name: 'socket-ticket-create',
  text: `INSERT INTO socket_tickets (hash, family_id, scopes, token_expires_at, expires_at)
    SELECT $1, f.id, $3, $4, now() + make_interval(secs => $5)
    FROM token_families f WHERE f.id = $2 AND f.revoked_at IS NULL
    RETURNING hash`,
};

export async function createSocketTicket(db: Database, viewer: Viewer): Promise<string> {
  const ticket = newToken('ticket');
  const values = [hashToken(ticket), viewer.familyId, [...viewer.scopes], viewer.expiresAt, TICKET_SECONDS];
  const rows = await query(db, CREATE, values);
  if (rows.length === 0) throw new DomainError('UNAUTHENTICATED', 'A valid access token is required.');
  return ticket;
}

const REDEEM = {
  name: 'socket-ticket-redeem',
  text: `WITH t AS (DELETE FROM socket_tickets WHERE hash = $1 RETURNING *)
    SELECT f.client_id, f.id AS family_id, t.scopes, t.token_expires_at AS expires_at, ${HOLDER_COLUMNS}
    FROM t JOIN token_families f ON f.id = t.family_id LEFT JOIN users u ON u.id = f.user_id
    WHERE t.expires_at > now() AND t.token_expires_at > now() AND ${FAMILY_IS_ALIVE}`,
};

/** Whoever deletes the row has the ticket; of two at once one finds nothing. */
export async function redeemSocketTicket(db: Database, ticket: string): Promise<Viewer | undefined> {
  if (!isToken('ticket', ticket)) return undefined;
  const [row] = await query<ViewerRow>(db, REDEEM, [hashToken(ticket)]);
  return row && toViewer(row);
}

import type { PoolClient } from 'pg';
import type { Viewer } from './viewer.js';

/** What somebody did with the rights of an admin, a moderator or an operator, for the audit log. */
export interface AuditAct {
  /** The type of the chat's event where there is one. */
  action: string;
  /** The chat that the act is about. */
  chat?: string | null | undefined;
  /** The id of what it was done to. */
  target?: string | null | undefined;
  /** What else there is to say; it stays for ever. Ids, numbers, times and names of choices; never what somebody wrote. */
  data?: AuditData | undefined;
  /** The actor's words, which may be erased later. */
  reason?: string | null | undefined;
}

export type AuditData = { readonly [name: string]: AuditValue };
type AuditValue = string | number | boolean | null | readonly AuditValue[] | AuditData;

const WRITE = 'SELECT write_audit_entries($1::jsonb)';

/**
 * Writes acts to the audit log, as the last statement of the transaction that does them: the log's head is locked from here to COMMIT.
 * @param actor undefined for an operator
 */
export async function writeAudit(
  connection: PoolClient,
  actor: Viewer | undefined,
  acts: readonly AuditAct[],
): Promise<void> {
  if (acts.length > 0) await connection.query(WRITE, [auditEntries(actor, acts)]);
}

/** The argument of the database function `write_audit_entries`. */
export function auditEntries(actor: Viewer | undefined, acts: readonly AuditAct[]): string {
  const by = { actor: actor?.user?.id ?? null, client: actor?.clientId ?? null };
  return JSON.stringify(acts.map((act) => ({ ...by, ...act })));
}

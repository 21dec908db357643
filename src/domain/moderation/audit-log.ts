import { type Database, query, queryValues, type Statement } from '../database.js';
import { canonicalId } from '../text.js';

/** An entry of the audit log as it is stored. */
export interface AuditRow {
  seq: number;
  /** ISO 8601, UTC. */
  at: string;
  /** Null for an operator. */
  actorId: string | null;
  clientId: string | null;
  action: string;
  chatId: string | null;
  target: string | null;
  /** The canonical text (RFC 8785) exactly as it was hashed. */
  entry: string;
  hash: Buffer;
  /** The actor's words; null also when they were erased. */
  reason: string | null;
  reasonSalt: Buffer | null;
}

/** The newest entry of the chain; number 0 and 32 zero bytes before the first. */
export interface AuditHead {
  seq: number;
  hash: Buffer;
}

export interface AuditPage {
  entries: AuditRow[];
  /** The number to ask for the next page with; null on the last one. */
  next: number | null;
}

export interface AuditFilter {
  after: number;
  first: number;
  actorId?: string | null | undefined;
  action?: string | null | undefined;
  chatId?: string | null | undefined;
}

/** SHA-256 of nothing yet: what stands before the first entry. */
export const BEFORE_FIRST: AuditHead = { seq: 0, hash: Buffer.alloc(32) };

const COLUMNS = [
  'seq',
  'at',
  'actor_id',
  'client_id',
  'action',
  'chat_id',
  'target',
  'entry',
  'hash',
  'reason',
  'reason_salt',
];
type Values = [
  ...[seq: number, at: string, actorId: string | null, clientId: string | null, action: string, chatId: string | null],
  ...[target: string | null, entry: string, hash: Buffer, reason: string | null, reasonSalt: Buffer | null],
];

const HEAD = { name: 'audit-head', text: 'SELECT seq, hash FROM audit_head' };

/** One for each choice of filters, so that its plan uses the index of one of them. */
function pageOf(filters: readonly string[]): Statement {
  const conditions = filters.map((column, index) => ` AND ${column} = $${index + 3}`);
  return {
    name: ['audit-page', ...filters].join('-by-'),
    text: `SELECT ${COLUMNS.join()} FROM audit_log WHERE seq > $1${conditions.join('')} ORDER BY seq LIMIT $2`,
  };
}

/** Reads the audit log. */
export class AuditLog {
  constructor(private readonly db: Database) {}

  /** Entries with higher numbers than `after`, in their order. The caller has checked that the viewer is an admin. */
  async page({ after, first, actorId, action, chatId }: AuditFilter): Promise<AuditPage> {
    const ids = { actor_id: actorId, chat_id: chatId };
    const filters: [string, string][] = action == null ? [] : [['action', action]];
    for (const [column, given] of Object.entries(ids)) {
      if (given == null) continue;
      const id = canonicalId(given);
      if (id === undefined) return { entries: [], next: null };
      filters.push([column, id]);
    }
    const statement = pageOf(filters.map(([column]) => column));
    const rows = await this.read(statement, [after, first + 1, ...filters.map(([, value]) => value)]);
    const entries = rows.slice(0, first);
    return { entries, next: rows.length > first ? (entries.at(-1)?.seq ?? null) : null };
  }

  /** As `page` without filters; for the check of the whole chain. */
  rowsAfter(seq: number, count: number): Promise<AuditRow[]> {
    return this.read(pageOf([]), [seq, count]);
  }

  async head(): Promise<AuditHead> {
    const [head] = await query<AuditHead>(this.db, HEAD, []);
    return head ?? BEFORE_FIRST;
  }

  private async read(statement: Statement, values: unknown[]): Promise<AuditRow[]> {
    return (await queryValues<Values>(this.db, statement, values)).map(rowOf);
  }
}

function rowOf([
  seq,
  at,
  actorId,
  clientId,
  action,
  chatId,
  target,
  entry,
  hash,
  reason,
  reasonSalt,
]: Values): AuditRow {
  return { seq, at, actorId, clientId, action, chatId, target, entry, hash, reason, reasonSalt };
}

/** A head as it is kept elsewhere, and as the check takes it: its number, a colon and its hash in hexadecimal. */
export function anchorText({ seq, hash }: AuditHead): string {
  return `${seq}:${hash.toString('hex')}`;
}

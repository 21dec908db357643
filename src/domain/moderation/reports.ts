import { v7 as uuidv7 } from 'uuid';
import { requireAction } from '../chats/chat-access.js';
import { accessRefused, isAccessRefusal } from '../chats/refused-access.js';
import { rightOf } from '../chats/rights.js';
import { readStandings } from '../chats/standings.js';
import { type Database, query } from '../database.js';
import { chatNotFound, DomainError } from '../errors.js';
import { profileOfJson } from '../log/message-rows.js';
import type { UserProfile } from '../profile.js';
import { CallRates } from '../queues/call-rates.js';
import { canonicalId, checkText } from '../text.js';
import { reaches, requireAdmin, requireScope, requireUserIn, userOf, type Viewer } from '../viewer.js';

export type ReportReason = 'spam' | 'abuse' | 'illegal' | 'other';
export type Resolution = 'dismissed' | 'removed' | 'muted' | 'banned';
export type ReportState = 'open' | 'resolved';

/** A report of a message, with a copy of what it said then: it stays when the message is edited or deleted. */
export interface Report {
  id: string;
  chatId: string;
  messageId: string;
  content: string;
  revision: number;
  sender: UserProfile;
  /** Null when the account is gone. */
  reporter: UserProfile | null;
  reason: ReportReason;
  note: string | null;
  createdAt: Date;
  resolution: Resolution | null;
  resolvedBy: UserProfile | null;
  resolvedAt: Date | null;
}

export interface NewReport {
  chatId: string;
  messageId: string;
  reason: ReportReason;
  note?: string | null | undefined;
}

export interface ReportFilter {
  chatId?: string | null | undefined;
  state: ReportState;
  first: number;
  after: string | undefined;
}

/** How long a report is kept. */
export const REPORT_DAYS = 90;
/** Reports that are deleted at once. */
const SWEPT = 300;
/** Code points. */
const MAX_NOTE = 500;
/** Reports of one user. */
const RATE = { calls: 20, windowMs: 60_000 };

interface Row extends Omit<Report, 'sender' | 'reporter' | 'resolvedBy'> {
  sender: UserProfile;
  reporter: UserProfile | null;
  resolvedBy: UserProfile | null;
}

const REPORT = { name: 'message-report', text: 'SELECT * FROM report_message($1, $2, $3, $4, $5, $6, $7, $8)' };
const RESOLVE = { name: 'report-resolve', text: 'SELECT * FROM resolve_report($1, $2, $3, $4, $5, $6, $7)' };
const COLUMNS = `r.id, r.chat_id AS "chatId", r.message_id AS "messageId", r.content, r.revision, profile_as_json(s) AS sender,
    profile_as_json(p) AS reporter, r.reason, r.note, r.created_at AS "createdAt", r.resolution, profile_as_json(b) AS "resolvedBy",
    r.resolved_at AS "resolvedAt"
  FROM reports r JOIN users s ON s.id = r.sender_id LEFT JOIN users p ON p.id = r.reporter_id LEFT JOIN users b ON b.id = r.resolved_by_id`;
const KEPT = `r.created_at > now() - interval '${REPORT_DAYS} days'`;
const BY_ID = { name: 'report-by-id', text: `SELECT ${COLUMNS} WHERE r.id = $1` };
const list = (name: string, ofChat: string) => ({
  name,
  text: `SELECT ${COLUMNS} WHERE (r.resolved_at IS NULL) = $1 AND ($2::uuid IS NULL OR r.id > $2) AND ${KEPT} ${ofChat} ORDER BY r.id LIMIT $3`,
});
const LIST = list('reports', '');
const LIST_OF_CHAT = list('reports-of-chat', 'AND r.chat_id = $4');
// In steps, so that no statement takes long. What a chat on hold has stays.
const SWEEP = {
  name: 'reports-sweep',
  text: `DELETE FROM reports WHERE id IN (
    SELECT r.id FROM reports r WHERE r.created_at <= now() - interval '${REPORT_DAYS} days'
      AND NOT EXISTS (SELECT 1 FROM chats c WHERE c.id = r.chat_id AND c.hold)
    ORDER BY r.created_at LIMIT ${SWEPT} FOR UPDATE OF r SKIP LOCKED) RETURNING 1`,
};

/** Reports of messages: to the moderators of the chat, and to admins. */
export class Reports {
  private readonly rate = new CallRates(RATE);

  constructor(private readonly db: Database) {}

  /**
   * Reports a message. A report of the viewer's that is open is returned again.
   * @throws DomainError `BAD_USER_INPUT`, field `note`; `NOT_FOUND`; `CONFLICT`, rule `message.deleted`; `RATE_LIMITED`, rule `report.rate`
   */
  async report(viewer: Viewer, { chatId: chat, messageId: message, reason, note }: NewReport): Promise<Report> {
    const user = requireUserIn(requireScope(viewer, 'write'), chat);
    const [chatId, messageId] = [canonicalId(chat), canonicalId(message)];
    if (chatId === undefined) throw chatNotFound();
    if (messageId === undefined) throw noMessage();
    const words = checkNote(note);
    const retryAfterMs = this.rate.count(user.id);
    if (retryAfterMs > 0)
      throw new DomainError('RATE_LIMITED', 'You have reported many messages. Please wait a little.', {
        ...{ rule: 'report.rate', retryAfterMs },
      });
    const values = [chatId, messageId, user.id, viewer.familyId, rightOf('report', viewer), uuidv7(), reason, words];
    const [row] = await query<{ outcome: string; id: string }>(this.db, REPORT, values);
    if (row?.outcome === 'no_message') throw noMessage();
    if (row?.outcome === 'is_deleted')
      throw new DomainError('CONFLICT', 'The message is deleted.', { rule: 'message.deleted' });
    if (row && isAccessRefusal(row.outcome)) throw accessRefused(row.outcome, 'report');
    return this.require(row?.id);
  }

  /**
   * Closes a report. One that is closed stays as it is.
   * @param note the actor's words, for the audit log
   * @throws DomainError `NOT_FOUND`, field `id`; `FORBIDDEN` without the right `readReports`
   */
  async resolve(
    viewer: Viewer,
    given: string,
    resolution: Resolution,
    note: string | null | undefined,
  ): Promise<Report> {
    const user = userOf(requireScope(viewer, 'write'));
    const id = canonicalId(given);
    if (id === undefined) throw noReport();
    // A narrowed token has no reports of other chats.
    if (viewer.chats && !reaches(viewer, (await this.require(id)).chatId)) throw noReport();
    const right = rightOf('readReports', viewer);
    const isNarrowed = viewer.chats !== undefined;
    const values = [id, user.id, viewer.familyId, right, isNarrowed, resolution, checkNote(note)];
    const [row] = await query<{ outcome: string }>(this.db, RESOLVE, values);
    if (row?.outcome === 'gone' || row?.outcome === 'outsider' || row?.outcome === 'no_chat') throw noReport();
    if (row && isAccessRefusal(row.outcome)) throw accessRefused(row.outcome, 'readReports');
    return this.require(id);
  }

  /**
   * Reports, the oldest first: of a chat for its moderators, of all chats for admins.
   * @throws DomainError `NOT_FOUND`, `FORBIDDEN`
   */
  async list(viewer: Viewer, { chatId: chat, state, first, after }: ReportFilter): Promise<Report[]> {
    const page = [state === 'open', after ?? null, first];
    if (chat == null) {
      requireAdmin(viewer);
      return (await query<Row>(this.db, LIST, page)).map(ofRow);
    }
    const { id: userId } = requireUserIn(viewer, chat);
    const chatId = canonicalId(chat);
    if (chatId === undefined) throw chatNotFound();
    const [standing] = await readStandings(this.db, [{ chatId, userId }]);
    requireAction(viewer, standing, 'readReports');
    return (await query<Row>(this.db, LIST_OF_CHAT, [...page, chatId])).map(ofRow);
  }

  /** Deletes reports that are older than `REPORT_DAYS`, at most 300. Returns whether more may be left. */
  async forgetOld(): Promise<boolean> {
    return (await query(this.db, SWEEP, [])).length === SWEPT;
  }

  private async require(id: string | undefined): Promise<Report> {
    const [row] = await query<Row>(this.db, BY_ID, [id]);
    if (!row) throw noReport();
    return ofRow(row);
  }
}

/** @throws DomainError `BAD_USER_INPUT`, field `note` */
function checkNote(note: string | null | undefined): string | null {
  return note == null || note === '' ? null : checkText('note', note, { min: 1, max: MAX_NOTE });
}

function ofRow({ sender, reporter, resolvedBy, ...row }: Row): Report {
  return {
    ...row,
    sender: profileOfJson(sender),
    reporter: reporter && profileOfJson(reporter),
    resolvedBy: resolvedBy && profileOfJson(resolvedBy),
  };
}

function noMessage(): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such message.', { field: 'messageId' });
}

function noReport(): DomainError {
  return new DomainError('NOT_FOUND', 'There is no such report.', { field: 'id' });
}

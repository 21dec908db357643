import { USER } from './documents.js';
import type { UserRef } from './messages.js';
import { documentOf, type Runner, run } from './operations.js';
import type { Chat, ReportReason, ReportState, Resolution } from './schema.js';

/** A report of a message, with a copy of what it said then. */
export interface Report {
  readonly id: string;
  readonly chatId: string;
  /** Null for a chat that one may not read, as other people’s direct chats and deleted ones. */
  readonly chat: Readonly<Pick<Chat, 'id' | 'name' | 'kind'>> | null;
  readonly messageId: string;
  /** What the message said when it was reported. */
  readonly content: string;
  /** The revision that said so. */
  readonly revision: number;
  /** Who sent the message. */
  readonly sender: UserRef;
  /** Null when the account is gone. */
  readonly reporter: UserRef | null;
  readonly reason: ReportReason;
  /** The reporter’s words. */
  readonly note: string | null;
  readonly createdAt: string;
  readonly state: ReportState;
  /** Null while it is open. */
  readonly resolution: Resolution | null;
  readonly resolvedBy: UserRef | null;
  readonly resolvedAt: string | null;
}

export interface ReportsOptions {
  /** Only those of this chat. Without it those of all chats, for admins. */
  chatId?: string;
  /** By default the open ones. */
  state?: ReportState;
  first?: number;
  /** The id of the last report of the page before. */
  after?: string;
}

const REPORT_FIELDS = `{id chatId chat{id name kind} messageId content revision sender${USER} reporter${USER} reason note createdAt state resolution resolvedBy${USER} resolvedAt}`;

export const REPORT = documentOf(
  'mutation',
  'reportMessage',
  { chatId: 'ID!', messageId: 'ID!', reason: 'ReportReason!', note: 'String' },
  REPORT_FIELDS,
);
export const REPORTS = documentOf(
  'query',
  'reports',
  { chatId: 'ID', state: 'ReportState', first: 'Int', after: 'ID' },
  REPORT_FIELDS,
);
export const RESOLVE = documentOf(
  'mutation',
  'resolveReport',
  { id: 'ID!', resolution: 'Resolution!', note: 'String' },
  REPORT_FIELDS,
);

/** Reports a message to the moderators of its chat, and to admins. One’s open report is returned again. @throws ChatError */
export function reportMessage(
  client: Runner,
  chatId: string,
  messageId: string,
  reason: ReportReason,
  note?: string,
): Promise<Report> {
  return run(client, REPORT, { chatId, messageId, reason, note });
}

/** Reports, the oldest first. @throws ChatError */
export function listReports(client: Runner, options: ReportsOptions = {}): Promise<Report[]> {
  return run(client, REPORTS, options);
}

/** Closes a report; what is to be done about the message or its sender are acts of their own. @throws ChatError */
export function resolveReport(client: Runner, id: string, resolution: Resolution, note?: string): Promise<Report> {
  return run(client, RESOLVE, { id, resolution, note });
}

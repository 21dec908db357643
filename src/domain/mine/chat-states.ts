import type { ChatRole } from '../chat-role.js';
import { type Database, query } from '../database.js';
import { batched } from '../queues/batched.js';
import { type ScannedRange, ScannedRanges } from './scanned-ranges.js';

/** Of which messages a member wants to be notified. */
export const NOTIFY_LEVELS = ['all', 'mentions', 'none'] as const;
export type Notify = (typeof NOTIFY_LEVELS)[number];

/** What a member has not read. Every count is of rows, at the moment of the query. */
export interface Unread {
  /** Messages of others in the main timeline behind the read marker, without deleted ones; at most `MAX_UNREAD`. */
  messages: number;
  /** There are more than `messages`. */
  capped: boolean;
  /** How many mentions of the member are among them, and in edits behind the marker; at most `MAX_UNREAD`. */
  mentions: number;
  /** Followed threads with unread replies; at most `MAX_UNREAD`. */
  threads: number;
  /** The number of the oldest unread message; null when there is none. */
  firstSeq: number | null;
}

/** What a chat is to one of its members. */
export interface ChatState {
  chatId: string;
  role: ChatRole;
  /** The read marker: the newest number of the main timeline that the member has read; 0 for none. */
  readSeq: number;
  unread: Unread;
  /** What the member chose, or the default of a chat of this size. */
  notify: Notify;
  hidden: boolean;
  /** ISO 8601, UTC; null when the member is not muted now. */
  mutedUntil: string | null;
}

/** A member of a chat. */
export interface MemberPlace {
  userId: string;
  chatId: string;
}

/** The most that is counted of anything. */
export const MAX_UNREAD = 100;
/** Without a choice of theirs, members of a chat with more members are notified of mentions only. */
export const NOTIFY_ALL_MEMBERS = 1000;
/** About 50 ms. */
const MOST_ROWS = 100_000;
/** Of calls that share a statement, about 2 ms: nobody waits long for the count of somebody else. */
const MOST_ROWS_TOGETHER = 4000;
/** Ranges of about 1 KB. */
const MOST_RANGES = 2000;

interface StateRow {
  user_id: string;
  chat_id: string;
  role: ChatRole;
  read_seq: number;
  /** Null unless the row is complete, as are the other counts. */
  messages: number | null;
  first_seq: number | null;
  mentions: number | null;
  threads: number | null;
  notify: Notify;
  hidden: boolean;
  muted_until: Date | null;
  is_complete: boolean;
  known: ScannedRange | null;
}

const STATES = {
  name: 'chat-states',
  text: 'SELECT * FROM chat_states($1::uuid[], $2::uuid[], $3::jsonb[], $4, $5, $6)',
};

/**
 * Says what chats are to their members. Nothing of it is counted in advance, so nothing can drift.
 *
 * The cost of a count is bounded by what is unread, at most `MAX_UNREAD` rows, and not by what is not: runs of replies that only threads
 * show are skipped, and long runs of one's own or deleted messages are read once by a process, which remembers them.
 */
export class ChatStates {
  private readonly ranges = new ScannedRanges(MOST_RANGES);
  private readonly together = batched((places: readonly MemberPlace[]) => this.readTogether(places));

  /** @param mostRows most messages that one statement reads and that turn out not to be unread */
  constructor(
    private readonly db: Database,
    private readonly mostRows = MOST_ROWS,
  ) {}

  /** What these chats are to the user, in any order; none for a chat that the user is no member of. One statement. */
  async of(userId: string, chatIds: readonly string[]): Promise<ChatState[]> {
    const rows = await this.read(chatIds.map((chatId) => ({ userId, chatId })));
    return rows.map(toState);
  }

  /**
   * What a chat is to one of its members; undefined for who is none. Calls of the same time share a statement, but for a count that takes
   * long.
   */
  async ofMember(place: MemberPlace): Promise<ChatState | undefined> {
    const row = await this.together.add(place);
    if (row?.is_complete !== false) return row ? toState(row) : undefined;
    const [state] = await this.of(place.userId, [place.chatId]);
    return state;
  }

  /** The same of any members, by `userId` and `chatId`. One statement. */
  async ofMembers(places: readonly MemberPlace[]): Promise<(ChatState & MemberPlace)[]> {
    return (await this.read(places)).map((row) => ({ ...toState(row), userId: row.user_id }));
  }

  /** A range that is too long for one statement is read in several; each begins where the one before ended. */
  private async read(places: readonly MemberPlace[]): Promise<StateRow[]> {
    const complete: StateRow[] = [];
    for (let left = places; left.length > 0; ) {
      const incomplete: MemberPlace[] = [];
      for (const row of await this.readOnce(left, this.mostRows)) {
        if (row.is_complete) complete.push(row);
        else incomplete.push({ userId: row.user_id, chatId: row.chat_id });
      }
      left = incomplete;
    }
    return complete;
  }

  /** One row for each place, null where the user is no member; those of long counts are incomplete. */
  private async readTogether(places: readonly MemberPlace[]): Promise<(StateRow | null)[]> {
    const rows = await this.readOnce(places, Math.min(this.mostRows, MOST_ROWS_TOGETHER));
    const rowOf = new Map(rows.map((row) => [`${row.user_id} ${row.chat_id}`, row]));
    return places.map(({ userId, chatId }) => rowOf.get(`${userId} ${chatId}`) ?? null);
  }

  private async readOnce(places: readonly MemberPlace[], mostRows: number): Promise<StateRow[]> {
    const known = places.map(({ userId, chatId }) => this.ranges.get(userId, chatId));
    const rows = await query<StateRow>(this.db, STATES, [
      places.map(({ userId }) => userId),
      places.map(({ chatId }) => chatId),
      known.some((range) => range) ? known.map((range) => (range ? JSON.stringify(range) : null)) : null,
      MAX_UNREAD,
      NOTIFY_ALL_MEMBERS,
      mostRows,
    ]);
    for (const { user_id, chat_id, known: range } of rows) if (range) this.ranges.set(user_id, chat_id, range);
    return rows;
  }
}

function toState(row: StateRow): ChatState {
  const messages = row.messages ?? 0;
  return {
    chatId: row.chat_id,
    role: row.role,
    readSeq: row.read_seq,
    unread: {
      messages: Math.min(messages, MAX_UNREAD),
      capped: messages > MAX_UNREAD,
      mentions: row.mentions ?? 0,
      threads: row.threads ?? 0,
      firstSeq: row.first_seq,
    },
    notify: row.notify,
    hidden: row.hidden,
    mutedUntil: row.muted_until?.toISOString() ?? null,
  };
}

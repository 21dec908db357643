import { type Database, query } from '../database.js';
import { DeploymentMissingError } from '../deployment.js';
import { badInput, cursorReset } from '../errors.js';
import { isUuid } from '../text.js';
import { type InboxPosition, MAX_LEVELS } from './inbox-position.js';

/** What a client of a user's inbox has to be told of one chat, at the moment of the query. */
export interface InboxChat {
  chatId: string;
  epoch: string;
  /** The chat's newest number, and its mark. */
  seq: number;
  mark: number;
  isMember: boolean;
  /** The client has the changes up to this number. */
  from: number;
  /**
   * The user's own joins (numbers) and removals (negative numbers) behind `from`, in their order. The deletion of a chat is the removal of
   * its last members.
   */
  changes: readonly number[];
  /** The user's own state of the chat has changed. */
  isStateDue: boolean;
}

export interface InboxSnapshot {
  instance: string;
  /** A client that has all chats as they are in the snapshot has every change with a mark below this; see `Marks`. */
  below: number;
  chats: InboxChat[];
}

/** A user has joined a chat or was removed from it. */
export interface MemberChange {
  userId: string;
  chatId: string;
  epoch: string;
  seq: number;
  mark: number;
  kind: 'member.added' | 'member.removed';
}

export interface InboxPageRequest {
  /** The most chats. */
  first: number;
  /** `InboxPage.next` of the page before. */
  after: string | undefined;
  /** The hidden chats alone, or the others. */
  hidden: boolean;
  /** Of these chats only; undefined for all. */
  chats?: ReadonlySet<string> | undefined;
}

export interface InboxPage {
  /** A position to stream from. It is not newer than the page. */
  position: InboxPosition;
  chatIds: string[];
  /** Undefined for the last page. */
  next: string | undefined;
}

/** Of one chat, or, without a chat, of the snapshot: only that has the first three. */
interface ChatRow {
  /** Null when there are too many changes. */
  instance: string | null;
  xmin: number;
  newest: number;
  chat_id: string | null;
  epoch: string;
  seq: number;
  mark: number;
  is_member: boolean;
  from_seq: number;
  changes: number[] | null;
  state_due: boolean;
}

/** Where an event of a membership stands in the order of marks. */
interface MemberPlace {
  mark: number;
  chatId: string;
  seq: number;
}

interface MemberRow extends Omit<MemberChange, 'kind'> {
  kind: string;
  /** Its mark is of another server. */
  isForeign: boolean;
  /** The lowest running transaction. */
  xmin: number;
}

/** The lowest id. */
const NO_CHAT = '00000000-0000-0000-0000-000000000000';
/** Own joins and removals that a resumed client is told of. A client that missed more loads its chats again. */
const MOST_CHANGES = 10_000;
/** Joins and removals of all users on one page. */
const MEMBER_CHANGES_AT_ONCE = 10_000;

const CHATS = {
  name: 'inbox-chats',
  text: 'SELECT * FROM inbox_chats($1, $2::uuid[], $3::float8[], $4, $5::uuid[], $6::int[], $7)',
};

const PAGE = {
  name: 'inbox-page',
  text: 'SELECT chat_id, mark::float8, at FROM inbox_page($1, $2, $3, $4, $5, $6, $7)',
};

const CHAT_IDS = {
  name: 'inbox-chat-ids',
  text: `SELECT m.chat_id AS "chatId" FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
    WHERE m.user_id = $1 AND m.left_at IS NULL AND c.deleted_at IS NULL`,
};

// The user's chats, those that were deleted too, and the user's own joins and removals: the newest of their marks is one whose COMMIT is on disk.
const HORIZON = {
  name: 'inbox-horizon',
  text: `SELECT d.epoch AS instance, pg_snapshot_xmin(pg_current_snapshot())::text::float8 AS xmin, greatest(0,
      (SELECT max(c.mark) FROM chat_memberships m JOIN chats c ON c.id = m.chat_id
        WHERE m.user_id = $1 AND m.left_at IS NULL),
      (SELECT max(e.mark) FROM chat_events e WHERE e.subject_id = $1 AND e.kind LIKE 'member.%'))::float8 AS newest
    FROM deployment d WHERE d.is_only`,
};

const MEMBER_CHANGES = {
  name: 'inbox-member-changes',
  text: `SELECT e.subject_id AS "userId", e.chat_id AS "chatId", c.epoch, e.seq, e.mark::float8 AS mark, e.kind,
      e.seq <= c.mark_base AS "isForeign", pg_snapshot_xmin(pg_current_snapshot())::text::float8 AS xmin
    FROM (
      SELECT * FROM chat_events WHERE kind LIKE 'member.%' AND mark >= $1::float8::bigint
        AND (mark, chat_id, seq) > ($1::float8::bigint, $2::uuid, $3::int)
      ORDER BY mark, chat_id, seq LIMIT $4) e
    JOIN chats c ON c.id = e.chat_id ORDER BY e.mark, e.chat_id, e.seq`,
};

const CHANGED_STATES = {
  name: 'inbox-changed-states',
  text: `SELECT m.user_id AS "userId", m.chat_id AS "chatId" FROM unnest($1::uuid[], $2::float8[]) AS w (user_id, below)
    JOIN chat_memberships m ON m.user_id = w.user_id AND m.left_at IS NULL AND m.state_mark >= w.below
    WHERE (SELECT c.deleted_at IS NULL FROM chats c WHERE c.id = m.chat_id)`,
};

/** Reads what a user's inbox shows. It holds nothing: what is new for a client is derived from the client's position. */
export class Inbox {
  constructor(private readonly db: Database) {}

  /**
   * The user's chats, the one with the newest message first.
   * @throws DomainError `BAD_USER_INPUT`, field `after`
   */
  async page(userId: string, { first, after, hidden, chats }: InboxPageRequest): Promise<InboxPage> {
    const place = after === undefined ? undefined : parsePlace(after);
    // Before the page: what changes in between is on the page and comes again.
    const position = await this.now(userId);
    const rows = await query<{ chat_id: string; mark: number; at: Date }>(this.db, PAGE, [
      ...[userId, hidden, first + 1],
      ...(place ? [place.mark, place.at, place.chatId] : [null, null, null]),
      chats ? [...chats] : null,
    ]);
    const page = rows.slice(0, first);
    const last = page.at(-1);
    const next = rows.length > first && last ? formatPlace(last.mark, last.at, last.chat_id) : undefined;
    return { position, chatIds: page.map(({ chat_id }) => chat_id), next };
  }

  /** The position of a client that needs nothing of before now. */
  async now(userId: string): Promise<InboxPosition> {
    const [row] = await query<{ instance: string; xmin: number; newest: number }>(this.db, HORIZON, [userId]);
    if (!row) throw new DeploymentMissingError();
    const below = Math.min(row.xmin, row.newest + 1);
    return { instance: row.instance, statesBelow: below, levels: [{ idBelow: null, below }], exceptions: new Map() };
  }

  /** The chats that the user is a member of. */
  async chatIds(userId: string): Promise<string[]> {
    const rows = await query<{ chatId: string }>(this.db, CHAT_IDS, [userId]);
    return rows.map(({ chatId }) => chatId);
  }

  /**
   * All that happened since a position, as one snapshot.
   * @throws DomainError `CURSOR_RESET` when the position is of another history, of one that does not exist yet, or too old
   */
  async since(userId: string, { instance, statesBelow, levels, exceptions }: InboxPosition): Promise<InboxSnapshot> {
    if (levels.length >= MAX_LEVELS) throw cursorReset();
    const rows = await query<ChatRow>(this.db, CHATS, [
      userId,
      levels.map(({ idBelow }) => idBelow),
      levels.map(({ below }) => below),
      statesBelow,
      [...exceptions.keys()],
      [...exceptions.values()],
      MOST_CHANGES + 1,
    ]);
    const snapshot = rows.find(({ chat_id }) => chat_id === null);
    if (!snapshot) throw new DeploymentMissingError();
    const chats = rows.flatMap(chatOfRow);
    const isAhead = levels.some(({ below }) => below > snapshot.xmin) || statesBelow > snapshot.xmin;
    if (instance !== snapshot.instance || isAhead) throw cursorReset();
    return { instance, below: Math.min(snapshot.xmin, snapshot.newest + 1), chats };
  }

  /**
   * The joins and removals of all users whose marks are at least `from`, in the order of their marks, a page at a time.
   * @returns `below`: all with lower marks have been passed to `take`
   */
  async memberChanges(from: number, take: (changes: readonly MemberChange[]) => void): Promise<number> {
    let below = from;
    let place: MemberPlace = { mark: from, chatId: NO_CHAT, seq: 0 };
    let xmin: number | undefined;
    for (;;) {
      const values = [place.mark, place.chatId, place.seq, MEMBER_CHANGES_AT_ONCE];
      const rows = await query<MemberRow>(this.db, MEMBER_CHANGES, values);
      take(rows.flatMap(({ isForeign, xmin: _, ...change }) => (isForeign || !isMembership(change) ? [] : change)));
      const last = rows.at(-1);
      if (!last) return below;
      // What is visible to the first statement below its lowest running transaction is complete.
      xmin ??= last.xmin;
      below = Math.max(below, Math.min(xmin, last.mark + 1));
      if (rows.length < MEMBER_CHANGES_AT_ONCE) return below;
      place = last;
    }
  }

  /** The chats of which a user's own state has changed: by user, at a mark of at least the given one. */
  changedStates(since: ReadonlyMap<string, number>): Promise<{ userId: string; chatId: string }[]> {
    return query(this.db, CHANGED_STATES, [[...since.keys()], [...since.values()]]);
  }
}

/** Other events of memberships change what a member may do. */
function isMembership(change: Omit<MemberChange, 'kind'> & { kind: string }): change is MemberChange {
  return change.kind === 'member.added' || change.kind === 'member.removed';
}

function chatOfRow(row: ChatRow): InboxChat[] {
  const { chat_id: chatId, epoch, seq, mark } = row;
  if (chatId === null) return [];
  const { is_member: isMember, from_seq: from, changes, state_due: isStateDue } = row;
  const own = changes?.filter((change) => Math.abs(change) > from) ?? [];
  return [{ chatId, epoch, seq, mark, isMember, from, changes: own, isStateDue }];
}

const PLACE = /^(0|[1-9]\d{0,15})\.(\d{1,15})\.([0-9a-f-]{36})$/;

function formatPlace(mark: number, at: Date, chatId: string): string {
  return `${mark}.${at.getTime()}.${chatId}`;
}

function parsePlace(text: string): { mark: number; at: Date; chatId: string } {
  const [, mark, at, chatId = ''] = PLACE.exec(text) ?? [];
  const time = new Date(Number(at));
  if (!isUuid(chatId) || Number.isNaN(time.getTime()))
    throw badInput('after', 'after must be the `next` of a page of the inbox.');
  return { mark: Number(mark), at: time, chatId };
}

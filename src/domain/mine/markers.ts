import { answerTimeoutMs, type Database, databaseTimeout, query } from '../database.js';
import { badInput, chatNotFound, databaseAway } from '../errors.js';
import { classifyFailure } from '../messages/waiting-send.js';
import { Batcher } from '../queues/batcher.js';
import { canonicalId } from '../text.js';
import { reaches, requireScope, requireUserIn, userOf, type Viewer } from '../viewer.js';
import type { MineCallbacks } from './callbacks.js';
import type { ChatState, ChatStates } from './chat-states.js';
import { type MarkerOutcome, markRead, type PendingMarker } from './mark-read.js';
import { type MineRefusal, mineRefused, tooManyMarkers, wrongSeq } from './marker-refusals.js';
import { retryLocked } from './retry-locked.js';
import { WritePace } from './write-pace.js';

export interface MarkerInput {
  chatId: string;
  /** What is at or below this number is read. */
  seq: number;
  /** The id of a thread's root. Absent: the main timeline. */
  thread?: string | null | undefined;
}

type Marker = Omit<PendingMarker, 'mayWrite'>;

/** `mark_all_read.sql` explains the outcomes. */
interface AllReadRow {
  outcome: 'moved' | 'threads' | 'no_member';
  chatId: string;
  seq: number;
}

/** Most markers in one statement, most that wait for it, and most of one user that wait for their next write. */
const MAX_BATCH = 200;
const MAX_WAITING = 10_000;
const MAX_OF_USER = 100;
/** Of a key's interval, how long markers of others are gathered: 20 ms of a second. */
const GATHERED_SHARE = 0.02;
/** The highest number that a chat can have. */
const MAX_SEQ = 2 ** 31 - 1;
/** The most chats that one call names. */
export const MAX_CHATS_READ = 500;

const MARK_UNREAD = { name: 'markers-unread', text: 'SELECT outcome FROM mark_unread($1, $2, $3)' };
const MEMBER_OF = {
  name: 'markers-member-of',
  text: `SELECT chat_id AS "chatId" FROM chat_memberships
    WHERE user_id = $1 AND chat_id = ANY ($2::uuid[]) AND left_at IS NULL
      AND (SELECT c.deleted_at IS NULL FROM chats c WHERE c.id = chat_id)`,
};
const MARK_ALL_READ = {
  name: 'markers-all-read',
  text: 'SELECT outcome, chat_id AS "chatId", read_seq AS seq FROM mark_all_read($1, $2::uuid[])',
};

/**
 * Moves the read markers of members: of chats, and of threads in them. Markers that are asked for at the same time are written by one
 * statement. A member's markers in one chat are written at most once in an interval (1 s); calls that come earlier wait for the next
 * write, and are written together by it.
 *
 * All methods throw DomainError `NOT_FOUND` for a chat that the viewer is no member of, and `FORBIDDEN`, rule `chat.not_member`, for an
 * admin who is none; `FORBIDDEN` without the scope `write`; `SERVICE_UNAVAILABLE` while the membership's row is locked.
 */
export class Markers {
  private readonly pace: WritePace;
  private readonly writer: Batcher<PendingMarker, MarkerOutcome>;
  private readonly waitingOf = new Map<string, number>();

  constructor(
    private readonly db: Database,
    private readonly states: ChatStates,
    private readonly callbacks: MineCallbacks,
    private readonly options: { intervalMs: number },
  ) {
    this.pace = new WritePace(options.intervalMs);
    const timeoutMs = answerTimeoutMs(db);
    this.writer = new Batcher((markers) => this.write(markers), {
      maxBatch: MAX_BATCH,
      maxWaiting: MAX_WAITING,
      paceMs: options.intervalMs * GATHERED_SHARE,
      deadlineMs: timeoutMs,
      overloaded: () => databaseAway(new Error('Too many read markers wait to be written.')),
      late: () => databaseAway(databaseTimeout(timeoutMs)),
      isRefusal: (error) => classifyFailure(error) === 'one-message',
    });
  }

  /**
   * Moves a marker forward, and returns what the chat is to the viewer then. A marker that is there or beyond stays.
   * @throws DomainError `BAD_USER_INPUT`, field `seq`, for a number that the chat does not have; `BAD_USER_INPUT`, field `thread`;
   * `RATE_LIMITED`, rule `marker.rate`, when more than 100 calls of the user wait
   */
  async markRead(viewer: Viewer, input: MarkerInput): Promise<ChatState> {
    const { userId, chatId } = await this.move(viewer, input);
    return this.stateOf(userId, chatId);
  }

  /** As `markRead`, for a caller who does not need the state. Resolves after COMMIT. */
  async move(viewer: Viewer, { chatId: chat, seq, thread }: MarkerInput): Promise<{ userId: string; chatId: string }> {
    const { id: userId } = requireUserIn(requireScope(viewer, 'write'), chat);
    const chatId = requireChatId(chat);
    if (!Number.isInteger(seq) || seq < 0 || seq > MAX_SEQ) throw wrongSeq('seq');
    const threadId = thread == null ? null : canonicalId(thread);
    if (threadId === undefined) throw mineRefused('no_thread', viewer);
    const outcome = await this.moveInTurn({ userId, chatId, seq, threadId });
    if (isRefused(outcome)) throw mineRefused(outcome, viewer);
    return { userId, chatId };
  }

  /**
   * Moves the marker of the main timeline back, so that the message with this number is the oldest that is not read. A marker that is
   * lower stays. The only way back.
   * @throws DomainError `BAD_USER_INPUT`, field `fromSeq`, for a number that the chat does not have
   */
  async markUnread(viewer: Viewer, chat: string, fromSeq: number): Promise<ChatState> {
    const { id: userId } = requireUserIn(requireScope(viewer, 'write'), chat);
    const chatId = requireChatId(chat);
    if (!Number.isInteger(fromSeq) || fromSeq < 1 || fromSeq > MAX_SEQ) throw wrongSeq('fromSeq');
    const [row] = await retryLocked(() =>
      query<{ outcome: 'moved' | 'same' | MineRefusal }>(this.db, MARK_UNREAD, [userId, chatId, fromSeq]),
    );
    if (!row) throw new Error('mark_unread gave no row.');
    if (isRefused(row.outcome)) throw mineRefused(row.outcome, viewer, 'fromSeq');
    if (row.outcome === 'moved') this.callbacks.stateChanged(userId, [chatId], false);
    return this.stateOf(userId, chatId);
  }

  /**
   * Moves the markers of chats, and of the threads in them that the viewer follows, to what is newest: all or none, in one statement.
   * @param chats at most `MAX_CHATS_READ` ids; undefined for all of the viewer's chats, of a narrowed token for its own
   * @throws DomainError `BAD_USER_INPUT`, field `chatIds`, for more; `NOT_FOUND` when the viewer is no member of one of them
   */
  async markAllRead(viewer: Viewer, chats?: readonly string[]): Promise<void> {
    const { id: userId } = userOf(requireScope(viewer, 'write'));
    if (chats && chats.length > MAX_CHATS_READ)
      throw badInput('chatIds', `chatIds must be at most ${MAX_CHATS_READ} ids.`);
    const chatIds = chats ? [...new Set(chats.map(requireChatId))] : await this.chatsInReach(viewer, userId);
    if (chatIds?.some((chatId) => !reaches(viewer, chatId))) throw chatNotFound();
    const rows = await retryLocked(() => query<AllReadRow>(this.db, MARK_ALL_READ, [userId, chatIds ?? null]));
    if (rows[0]?.outcome === 'no_member') throw chatNotFound();
    if (rows.length === 0) return;
    this.callbacks.stateChanged(
      userId,
      rows.map(({ chatId }) => chatId),
      true,
    );
    for (const { outcome, chatId, seq } of rows) if (outcome === 'moved') this.callbacks.read({ chatId, userId, seq });
  }

  /** The chats of a narrowed token that the user is a member of; undefined for a token of everything. */
  private async chatsInReach({ chats }: Viewer, userId: string): Promise<string[] | undefined> {
    if (!chats) return undefined;
    const rows = await query<{ chatId: string }>(this.db, MEMBER_OF, [userId, [...chats]]);
    return rows.map(({ chatId }) => chatId);
  }

  /** Writes what waits, without the interval. Resolves when nothing is queued or in flight. */
  drain(): Promise<void> {
    this.pace.close();
    return this.writer.drain();
  }

  /** @throws DomainError `NOT_FOUND` when the user has left meanwhile */
  private async stateOf(userId: string, chatId: string): Promise<ChatState> {
    const state = await this.states.ofMember({ userId, chatId });
    if (!state) throw chatNotFound();
    return state;
  }

  /** Each attempt finds out whether there is anything to write, so whoever need not wait does not. */
  private async moveInTurn(marker: Marker): Promise<MarkerOutcome> {
    const key = keyOf(marker);
    for (;;) {
      const outcome = await this.writer.add({ ...marker, mayWrite: this.pace.take(key) });
      if (outcome !== 'later') return outcome;
      await this.waitForTurn(marker.userId, key);
    }
  }

  private async waitForTurn(userId: string, key: string): Promise<void> {
    const waiting = this.waitingOf.get(userId) ?? 0;
    if (waiting >= MAX_OF_USER) throw tooManyMarkers(this.options.intervalMs);
    this.waitingOf.set(userId, waiting + 1);
    await this.pace.next(key);
    const left = (this.waitingOf.get(userId) ?? 1) - 1;
    if (left > 0) this.waitingOf.set(userId, left);
    else this.waitingOf.delete(userId);
  }

  /** Calls of one member and chat that are in one batch are written together: the turn of one is everybody's. */
  private async write(markers: readonly PendingMarker[]): Promise<MarkerOutcome[]> {
    const writing = new Set(markers.filter(({ mayWrite }) => mayWrite).map(keyOf));
    const outcomes = await markRead(
      this.db,
      markers.map((marker) => ({ ...marker, mayWrite: writing.has(keyOf(marker)) })),
    );
    const moved = markers.filter((_, index) => outcomes[index] === 'moved');
    for (const marker of moved) writing.delete(keyOf(marker));
    for (const key of writing) this.pace.giveBack(key);
    this.tell(moved);
    return outcomes;
  }

  private tell(moved: readonly Marker[]): void {
    for (const ofThreads of [false, true]) {
      const chatsOf = new Map<string, Set<string>>();
      for (const { userId, chatId, threadId } of moved)
        if (ofThreads === (threadId !== null)) chatsOf.set(userId, (chatsOf.get(userId) ?? new Set()).add(chatId));
      for (const [userId, chatIds] of chatsOf) this.callbacks.stateChanged(userId, [...chatIds], ofThreads);
    }
    for (const { userId, chatId, seq, threadId } of moved)
      if (threadId === null) this.callbacks.read({ chatId, userId, seq });
  }
}

function keyOf({ userId, chatId }: Marker): string {
  return `${userId} ${chatId}`;
}

function requireChatId(chat: string): string {
  const id = canonicalId(chat);
  if (id === undefined) throw chatNotFound();
  return id;
}

function isRefused(outcome: MarkerOutcome | MineRefusal): outcome is MineRefusal {
  return outcome !== 'moved' && outcome !== 'same' && outcome !== 'later';
}

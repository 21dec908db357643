import { type Database, query } from '../database.js';
import { PROFILE_FIELDS, toProfile } from '../profile.js';
import { Sweeper } from '../sweeper.js';
import { canonicalId } from '../text.js';
import { MAX_DELETED, type MessageChanges } from './message-changes.js';

export interface SenderDeletionOptions {
  /** How long one turn deletes, in milliseconds: that of the call that asks, and each one behind it. */
  turnMs: number;
  /** How often a process looks for deletions that nobody is at work on, in milliseconds. */
  intervalMs: number;
  onError: (error: unknown) => void;
}

/** A row of `sender_deletions`. */
interface Deletion {
  chatId: string;
  userId: string;
  actorId: string | null;
  upToSeq: number;
}

/** Most messages that one statement finds. */
const MAX_FOUND = 10_000;
/** How long a turn holds its deletion, in SQL: longer than it takes. */
const HELD = "interval '10 s'";
const COLUMNS = 'd.chat_id AS "chatId", d.user_id AS "userId", d.actor_id AS "actorId", d.up_to_seq AS "upToSeq"';

const TAKE_NEXT = {
  name: 'sender-deletion-take-next',
  text: `UPDATE sender_deletions d SET taken_until = now() + ${HELD} FROM (
      SELECT chat_id, user_id FROM sender_deletions WHERE taken_until < now() ORDER BY taken_until LIMIT 1 FOR UPDATE SKIP LOCKED) due
    WHERE d.chat_id = due.chat_id AND d.user_id = due.user_id RETURNING ${COLUMNS}`,
};
const TAKE = {
  name: 'sender-deletion-take',
  text: `UPDATE sender_deletions d SET taken_until = now() + ${HELD} WHERE d.chat_id = $1 AND d.user_id = $2 RETURNING ${COLUMNS}`,
};
// By the index of senders' messages. In no order, and with a number that no index is asked for: a plan may read the whole chat otherwise.
const FIND = {
  name: 'sender-deletion-messages',
  text: `SELECT m.id FROM messages m WHERE m.sender_id = $1 AND m.chat_id = $2 AND m.flags & 1 = 0 AND m.seq + 0 <= $3
      AND m.created_at >= (SELECT d.since FROM sender_deletions d WHERE d.chat_id = $2 AND d.user_id = $1)
      AND (SELECT c.deleted_at IS NULL FROM chats c WHERE c.id = $2) LIMIT ${MAX_FOUND}`,
};
/** A ban that was repeated meanwhile asks for more. */
const END = {
  name: 'sender-deletion-end',
  text: 'DELETE FROM sender_deletions WHERE chat_id = $1 AND user_id = $2 AND up_to_seq = $3',
};
const RELEASE = {
  name: 'sender-deletion-release',
  text: "UPDATE sender_deletions SET taken_until = '-infinity' WHERE chat_id = $1 AND user_id = $2",
};

/**
 * Deletes what banned users sent. `ban_user` puts down what is to be deleted, with the ban; each process works on it in turns until nothing
 * is left, whatever becomes of who asked.
 */
export class SenderDeletions {
  private readonly sweeper: Sweeper;

  constructor(
    private readonly db: Database,
    private readonly changes: MessageChanges,
    private readonly options: SenderDeletionOptions,
  ) {
    const { intervalMs, onError } = options;
    this.sweeper = new Sweeper(() => this.next(), { intervalMs, onError });
  }

  /**
   * The first turn, for who has just banned the user. Resolves when it is over: often nothing is left then. An error goes to the log, and the
   * next turn tries again.
   */
  async begin(chat: string, user: string): Promise<void> {
    const [chatId, userId] = [canonicalId(chat), canonicalId(user)];
    try {
      const [deletion] = await query<Deletion>(this.db, TAKE, [chatId, userId]);
      if (deletion) await this.turn(deletion);
    } catch (error) {
      this.options.onError(error);
    }
  }

  /** A turn of the deletion that waits longest. Returns whether there was one. */
  async next(): Promise<boolean> {
    const [deletion] = await query<Deletion>(this.db, TAKE_NEXT, []);
    if (!deletion) return false;
    await this.turn(deletion);
    return true;
  }

  /** Ends the turns of this process. */
  close(): Promise<void> {
    return this.sweeper.close();
  }

  /**
   * Deletes messages, the newest of those that were found first, in transactions of at most `MAX_DELETED` messages each: between them others
   * write to the chat.
   */
  private async turn({ chatId, userId, actorId, upToSeq }: Deletion): Promise<void> {
    const endsAt = performance.now() + this.options.turnMs;
    const actor = actorId === null ? null : await this.profileOf(actorId);
    const rows = await query<{ id: string }>(this.db, FIND, [userId, chatId, upToSeq]);
    // The last digits of an id are the message's number.
    const ids = rows.map(({ id }) => id).sort((one, other) => (one.slice(-8) < other.slice(-8) ? 1 : -1));
    let begin = 0;
    for (; begin < ids.length && (begin === 0 || performance.now() < endsAt); begin += MAX_DELETED)
      await this.changes.deleteFor(actor, chatId, ids.slice(begin, begin + MAX_DELETED));
    const isOver = begin >= ids.length && ids.length < MAX_FOUND;
    if (isOver) await query(this.db, END, [chatId, userId, upToSeq]);
    else await query(this.db, RELEASE, [chatId, userId]);
  }

  private async profileOf(id: string) {
    return toProfile(await this.db.prisma.user.findUniqueOrThrow({ where: { id }, select: PROFILE_FIELDS }));
  }
}

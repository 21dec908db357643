import { type Database, isLockTimeout, query } from '../database.js';
import type { Announce } from '../log/chat-events.js';
import { type MessageRow, messageOfJson, profileOfJson } from '../log/message-rows.js';
import type { UserProfile } from '../profile.js';

/** A message by its chat and number. */
export interface MessagePlace {
  chatId: string;
  seq: number;
}

export interface ReactionSummariesOptions {
  /** How often messages are looked for whose summary is due and that no hint is known of. Milliseconds. */
  sweepIntervalMs: number;
  /** Called for an error after which the work is tried again. */
  onError: (error: unknown) => void;
}

/** A result of `summarise_reactions`; its file in `prisma/functions` explains each. */
type SummaryRow =
  | ({
      outcome: 'summarised';
      wait_ms: number;
      epoch: string;
      event_seq: number;
      at: Date;
      actor: UserProfile | null;
    } & MessageRow)
  | { outcome: 'same' | 'early'; wait_ms: number }
  | { outcome: 'clean' | 'dropped'; wait_ms: number | null };

/** A message that is queued or summarised, or was a moment ago. */
interface Work extends MessagePlace {
  /** Its reactions have changed since its last summary began. */
  isDirty: boolean;
}

const SUMMARISE = { name: 'reactions-summarise', text: 'SELECT * FROM summarise_reactions($1, $2)' };

const DIRTY = {
  name: 'reactions-dirty',
  text: `SELECT d.chat_id AS "chatId", d.seq FROM reaction_dirty d
    LEFT JOIN message_extras x ON x.chat_id = d.chat_id AND x.seq = d.seq
    WHERE (d.chat_id, d.seq) > ($1, $2) AND coalesce(x.reactions_due_at <= clock_timestamp(), true)
    ORDER BY d.chat_id, d.seq LIMIT $3`,
};

/** How many statements run at once. Each occupies one of the pool's ten connections. */
const MAX_WORKERS = 2;
/** Most messages that are remembered. Sweeps find the others. */
const MAX_WORK = 10_000;
/** Most messages that one sweep finds. The next one goes on behind them. */
const SWEEP_LENGTH = 500;
/** How long a message waits whose chat is locked by another transaction, in milliseconds. */
const LOCKED_MS = 250;
const BEGINNING: MessagePlace = { chatId: '00000000-0000-0000-0000-000000000000', seq: 0 };

/**
 * Makes the summaries of reactions: after changes of a message's reactions, one `message.reactions` event with what is so now. The
 * first change is announced at once, further ones together, at most every 250 ms (`summarise_reactions` keeps the time, for all
 * processes).
 *
 * This process is told of what it has written itself (`changed`). A sweep finds the rest: what other processes wrote that ended
 * before they made the summary, and what failed.
 */
export class ReactionSummaries {
  private readonly work = new Map<string, Work>();
  private readonly queue: Work[] = [];
  private workers = 0;
  private readonly ending = new Set<Promise<void>>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly sweepTimer: NodeJS.Timeout;
  private sweeping: Promise<void> | undefined;
  private sweptTo = BEGINNING;
  private isClosed = false;

  constructor(
    private readonly db: Database,
    private readonly announce: Announce,
    private readonly options: ReactionSummariesOptions,
  ) {
    this.sweepTimer = setInterval(() => {
      this.sweeping ??= this.sweep().finally(() => {
        this.sweeping = undefined;
      });
    }, options.sweepIntervalMs).unref();
  }

  /** The reactions to these messages have changed. */
  changed(places: readonly MessagePlace[]): void {
    for (const { chatId, seq } of places) {
      const key = keyOf({ chatId, seq });
      const known = this.work.get(key);
      if (known) known.isDirty = true;
      else if (this.work.size < MAX_WORK) {
        const work: Work = { chatId, seq, isDirty: true };
        this.work.set(key, work);
        this.enqueue(work);
      }
    }
  }

  /**
   * Makes no more summaries. Resolves when the statements in flight have ended. The next sweep of any process finds what is left.
   */
  async close(): Promise<void> {
    this.isClosed = true;
    clearInterval(this.sweepTimer);
    for (const timer of this.timers) clearTimeout(timer);
    await Promise.all([this.sweeping, ...this.ending]);
  }

  private enqueue(work: Work): void {
    if (this.isClosed) return;
    this.queue.push(work);
    if (this.workers >= MAX_WORKERS) return;
    this.workers += 1;
    const worker = this.runWorker().finally(() => this.ending.delete(worker));
    this.ending.add(worker);
  }

  private async runWorker(): Promise<void> {
    for (let work = this.queue.shift(); work && !this.isClosed; work = this.queue.shift()) await this.run(work);
    this.workers -= 1;
  }

  private async run(work: Work): Promise<void> {
    work.isDirty = false;
    try {
      const [row] = await query<SummaryRow>(this.db, SUMMARISE, [work.chatId, work.seq]);
      if (row?.outcome === 'summarised') this.announceSummary(row);
      if (row?.outcome === 'early') work.isDirty = true;
      this.cool(work, row?.wait_ms ?? 0);
    } catch (error) {
      if (isLockTimeout(error)) {
        work.isDirty = true;
        this.cool(work, LOCKED_MS);
        return;
      }
      // A sweep finds it.
      this.work.delete(keyOf(work));
      this.options.onError(error);
    }
  }

  /** Runs the work again after this time when its reactions change until then, and forgets it otherwise. */
  private cool(work: Work, ms: number): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (work.isDirty) this.enqueue(work);
      else this.work.delete(keyOf(work));
    }, ms).unref();
    this.timers.add(timer);
  }

  private announceSummary(row: Extract<SummaryRow, { outcome: 'summarised' }>): void {
    const { epoch, event_seq: seq, at, actor } = row;
    const message = messageOfJson(row);
    const head = { chatId: message.chatId, epoch, seq, at: at.toISOString(), actor: actor && profileOfJson(actor) };
    this.announce({ type: 'message.reactions', ...head, message });
  }

  private async sweep(): Promise<void> {
    try {
      const { chatId, seq } = this.sweptTo;
      const found = await query<MessagePlace>(this.db, DIRTY, [chatId, seq, SWEEP_LENGTH]);
      this.sweptTo = found.length < SWEEP_LENGTH ? BEGINNING : (found.at(-1) ?? BEGINNING);
      this.changed(found);
    } catch (error) {
      if (!this.isClosed) this.options.onError(error);
    }
  }
}

function keyOf({ chatId, seq }: MessagePlace): string {
  return `${chatId} ${seq}`;
}

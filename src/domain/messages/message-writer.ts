import { answerTimeoutMs, type Database, databaseTimeout } from '../database.js';
import { chatBusy, DomainError, databaseAway } from '../errors.js';
import { RoundRobin } from '../queues/round-robin.js';
import { type AppendedRow, appendMessages, type PendingMessage } from './append.js';
import { ContendedChats } from './contended-chats.js';
import { rejectUnlessRetryable, WaitingSend } from './waiting-send.js';

/** Most messages in one statement. */
const MAX_BATCH = 200;
/** How long a batch waits for a chat's row, in milliseconds: longer than a batch of another process locks it. */
const LOCK_WAIT_MS = 50;
/** The same while there are contended chats: one transaction may have locked many chats, which a batch would meet one by one. */
const SHORT_LOCK_WAIT_MS = 10;
/** Queue limits of all senders. */
const MAX_WAITING = 10_000;
const MAX_WAITING_BYTES = 32 * 1024 ** 2;
/** Queue limits of one sender. */
const LIMITS_PER_SENDER = { count: 5000, bytes: 8 * 1024 ** 2 };
/** Milliseconds between checks for sends that have timed out. */
const TIMEOUT_CHECK_MS = 100;

/** Receives the messages that were created, each chat's in the order of their numbers. */
export type OnCreated = (created: readonly [PendingMessage, AppendedRow][]) => void;

/**
 * Writes messages in batches. A batch holds the messages that arrived in one turn of the event loop, or while the batch before it
 * was in flight. Senders take turns. The messages of one sender to one chat are written in the order of arrival.
 *
 * A batch waits at most 50 ms for a chat's row that another transaction has locked. Then `ContendedChats` writes that chat, and
 * no other chat waits for it.
 */
export class MessageWriter {
  private readonly waiting = new RoundRobin<string, WaitingSend>(LIMITS_PER_SENDER, ({ bytes }) => bytes);
  /** Sends of chats that are no longer contended. They precede those in `waiting`. */
  private released: WaitingSend[] = [];
  private readonly inFlight = new Set<readonly WaitingSend[]>();
  private readonly contended: ContendedChats;
  private isRunning = false;
  private timeoutTimer: NodeJS.Timeout | undefined;
  private readonly timeoutMs: number;
  private readonly drains: (() => void)[] = [];

  constructor(
    private readonly db: Database,
    private readonly onCreated: OnCreated,
  ) {
    this.timeoutMs = answerTimeoutMs(db);
    this.contended = new ContendedChats((sends, lockWaitMs) => this.write(sends, lockWaitMs), {
      maxBatch: MAX_BATCH,
      uncontendedMs: LOCK_WAIT_MS,
      onRelease: (sends) => {
        this.released.push(...sends);
        void this.run();
      },
      onIdle: () => this.resolveDrains(),
    });
  }

  /**
   * Resolves after COMMIT.
   * @throws DomainError `RATE_LIMITED` when the sender's queue is full; `SERVICE_UNAVAILABLE` when the queue of all senders or of the
   * contended chat is full, or when the database did not answer within `answerTimeoutMs`. In the last case the message may be
   * written all the same.
   */
  add(message: PendingMessage): Promise<AppendedRow> {
    return new Promise((resolve, reject) => {
      const send = new WaitingSend(message, resolve, reject);
      if (this.waiting.size >= MAX_WAITING || this.waiting.bytes + send.bytes > MAX_WAITING_BYTES) {
        send.reject(databaseAway(new Error('The queue of messages to write is full.')));
      } else if (this.waiting.add(message.sender.id, send)) {
        this.timeoutTimer ??= setTimeout(this.rejectTimedOut, TIMEOUT_CHECK_MS).unref();
        void this.run();
      } else send.reject(senderQueueFull());
    });
  }

  /** Resolves when no message is queued or in flight. */
  drain(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.drains.push(resolve));
  }

  private get isIdle(): boolean {
    return !this.isRunning && this.waiting.size === 0 && this.released.length === 0 && this.contended.isIdle;
  }

  private resolveDrains(): void {
    if (this.isIdle) for (const resolve of this.drains.splice(0)) resolve();
  }

  private async run(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    while (this.waiting.size > 0 || this.released.length > 0) {
      // Sends that arrive in this turn of the event loop share a batch.
      await new Promise<void>((resolve) => setImmediate(resolve));
      const batch = this.nextBatch();
      if (batch.length > 0) await this.writeBatch(batch);
    }
    this.isRunning = false;
    this.resolveDrains();
  }

  /** Takes the next batch out of the queues. Sends of contended chats go to `contended` instead. */
  private nextBatch(): WaitingSend[] {
    const batch: WaitingSend[] = [];
    const take = (send: WaitingSend) => {
      if (send.isSettled) return;
      if (this.contended.has(send.message.chatId)) this.contended.add(send);
      else batch.push(send);
    };
    for (const send of this.released.splice(0, MAX_BATCH)) take(send);
    if (batch.length < MAX_BATCH)
      this.waiting.serve((send) => {
        take(send);
        return batch.length < MAX_BATCH;
      });
    return batch;
  }

  private async writeBatch(batch: readonly WaitingSend[]): Promise<void> {
    const lockWaitMs = this.contended.isIdle ? LOCK_WAIT_MS : SHORT_LOCK_WAIT_MS;
    const unwritten = await this.write(batch, lockWaitMs).catch((error: unknown) => this.retryUnlocked(batch, error));
    for (const send of unwritten) if (!send.isSettled) this.contended.add(send);
  }

  /**
   * After a statement that wrote nothing, because a chat's row is locked or one message is bad: writes the chats whose rows are
   * unlocked. Returns the sends that remain; all of them when one message is bad.
   */
  private async retryUnlocked(batch: readonly WaitingSend[], reason: unknown): Promise<readonly WaitingSend[]> {
    const sends = rejectUnlessRetryable(batch, reason);
    if (sends.length === 0) return [];
    return this.write(sends, 0).catch((error: unknown) => rejectUnlessRetryable(sends, error));
  }

  private async write(given: readonly WaitingSend[], lockWaitMs: number): Promise<WaitingSend[]> {
    // `append_messages` locks the chats in the order given, which must be that of their ids.
    const sends = [...given].sort(byChat);
    this.inFlight.add(sends);
    try {
      const messages = sends.map((send) => send.message);
      const rows = await appendMessages(this.db, messages, lockWaitMs);
      const created: [PendingMessage, AppendedRow][] = [];
      const busy: WaitingSend[] = [];
      for (const [index, send] of sends.entries()) {
        const row = rows[index];
        if (!row || row.outcome === 'busy') busy.push(send);
        else {
          if (row.outcome === 'created') created.push([send.message, row]);
          send.resolve(row);
        }
      }
      if (created.length > 0) this.onCreated(created);
      return busy;
    } finally {
      this.inFlight.delete(sends);
    }
  }

  /** Rejects the sends that have timed out. One timer serves all: in each queue the oldest send is the first to time out. */
  private readonly rejectTimedOut = (): void => {
    this.timeoutTimer = undefined;
    const latestArrival = performance.now() - this.timeoutMs;
    const isOver = (send: WaitingSend) => {
      if (send.arrivedAt <= latestArrival)
        send.reject(this.contended.has(send.message.chatId) ? chatBusy() : timedOut(this.timeoutMs));
      return send.isSettled;
    };
    for (const sends of this.inFlight) for (const send of sends) isOver(send);
    this.released = this.released.filter((send) => !isOver(send));
    this.waiting.dropOldest(isOver);
    this.contended.dropOldest(isOver);
    if (!this.isIdle) this.timeoutTimer = setTimeout(this.rejectTimedOut, TIMEOUT_CHECK_MS).unref();
  };
}

/** Messages of one chat stay in the order of arrival: sorting is stable. */
function byChat({ message: one }: WaitingSend, { message: other }: WaitingSend): number {
  return one.chatId < other.chatId ? -1 : one.chatId > other.chatId ? 1 : 0;
}

function timedOut(timeoutMs: number): DomainError {
  return databaseAway(databaseTimeout(timeoutMs));
}

function senderQueueFull(): DomainError {
  return new DomainError('RATE_LIMITED', 'Too many of your messages wait to be written. Please try again.', {
    retryAfterMs: 1000,
  });
}

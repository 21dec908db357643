import { type Database, isLockTimeout } from '../database.js';
import { chatBusy } from '../errors.js';

interface Waiting {
  begin: () => void;
  refuse: () => void;
}

/** How long a change waits for those before it. Its statement then waits up to 1 s for the row; clients are promised 3 s in all. */
const TURN_TIMEOUT_MS = 1500;
/** The embedded database runs one transaction at a time, so a change waits for every other, not for a row. */
const EMBEDDED_TURN_TIMEOUT_MS = 10_000;

/** Most changes that wait for one chat. */
const MAX_WAITING = 1000;

/** Runs the changes of one chat one at a time, so that a chat whose row is locked occupies one connection, not the whole pool. */
export class ChatMutex {
  /** The queue of each chat that is being changed. */
  private readonly queues = new Map<string, Waiting[]>();

  /** How long a change waits for its turn, in milliseconds. */
  private readonly timeoutMs: number;

  constructor({ namedStatements }: Pick<Database, 'namedStatements'>) {
    this.timeoutMs = namedStatements ? TURN_TIMEOUT_MS : EMBEDDED_TURN_TIMEOUT_MS;
  }

  /**
   * Runs `work` after the earlier changes of the chat.
   * @throws DomainError `SERVICE_UNAVAILABLE` when too many changes wait, after the timeout, or when `work` did not get the lock of
   * the chat's row. In the last case the changes that wait behind it fail too: they need the same lock.
   */
  async run<Result>(chatId: string, work: () => Promise<Result>): Promise<Result> {
    await this.waitForTurn(chatId);
    try {
      return await work();
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      for (const { refuse } of this.queues.get(chatId)?.splice(0) ?? []) refuse();
      throw chatBusy();
    } finally {
      const next = this.queues.get(chatId)?.shift();
      if (next) next.begin();
      else this.queues.delete(chatId);
    }
  }

  private async waitForTurn(chatId: string): Promise<void> {
    const queue = this.queues.get(chatId);
    if (!queue) {
      this.queues.set(chatId, []);
      return;
    }
    if (queue.length >= MAX_WAITING) throw chatBusy();
    await new Promise<void>((resolve, reject) => {
      const waiting = {
        begin: () => {
          clearTimeout(timer);
          resolve();
        },
        refuse: () => {
          clearTimeout(timer);
          reject(chatBusy());
        },
      };
      const timer = setTimeout(() => {
        queue.splice(queue.indexOf(waiting), 1);
        waiting.refuse();
      }, this.timeoutMs);
      queue.push(waiting);
    });
  }
}

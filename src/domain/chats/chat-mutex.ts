import { isLockTimeout } from '../database.js';
import { chatBusy } from '../errors.js';

interface Waiting {
  begin: () => void;
  refuse: () => void;
}

/** Most changes that wait for one chat. */
const MAX_WAITING = 1000;

/** Runs the changes of one chat one at a time, so that a chat whose row is locked occupies one connection, not the whole pool. */
export class ChatMutex {
  /** The queue of each chat that is being changed. */
  private readonly queues = new Map<string, Waiting[]>();

  /** @param timeoutMs how long a change waits for its turn, in milliseconds */
  constructor(private readonly timeoutMs: number) {}

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

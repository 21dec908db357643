import { clientError, DATABASE_TIMEOUT_MS, databaseTimeout } from '../database.js';
import { databaseAway } from '../errors.js';
import { Batcher } from './batcher.js';

/**
 * Batches frequent database look-ups of single items: the look-ups that arrive while one statement is under way share the next.
 * Sending a statement and reading its answer is most of the cost of an indexed look-up. With tokens and chats looked up this
 * way, 10,000 sockets opened a third faster.
 *
 * The returned batcher answers each item, or rejects with `SERVICE_UNAVAILABLE`, within `DATABASE_TIMEOUT_MS`.
 * @param ask resolves to one result per item, in the same order
 */
export function batched<Item, Result>(
  ask: (items: readonly Item[]) => Promise<readonly Result[]>,
): Batcher<Item, Result> {
  return new Batcher(ask, {
    maxBatch: 200,
    maxWaiting: 10_000,
    deadlineMs: DATABASE_TIMEOUT_MS,
    overloaded: () => databaseAway(new Error('Too many look-ups wait for the database.')),
    isRefusal: (error: unknown) => clientError(error) === undefined,
    late: () => databaseAway(databaseTimeout(DATABASE_TIMEOUT_MS)),
  });
}

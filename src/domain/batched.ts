import { Batcher } from './batcher.js';
import { clientError, DATABASE_PATIENCE_MS } from './database.js';
import { databaseAway } from './errors.js';

/**
 * What the database is asked often, for one item at a time: those that come while one statement is on its way share the
 * next. To send a statement and to take its answer is most of what an indexed look-up costs, and PostgreSQL wakes for each:
 * 10,000 sockets opened a third faster with their tokens and their chats asked for like that.
 *
 * `ask` answers for each item, in their order. An item is answered or refused within `DATABASE_PATIENCE_MS`.
 */
export function batched<Item, Result>(
  ask: (items: readonly Item[]) => Promise<readonly Result[]>,
): Batcher<Item, Result> {
  return new Batcher(ask, {
    maxBatch: 200,
    maxWaiting: 10_000,
    deadlineMs: DATABASE_PATIENCE_MS,
    overloaded: () => databaseAway(new Error('Too many wait for the database.')),
    isRefusal: (error: unknown) => clientError(error) === undefined,
    late: () => databaseAway(new Error(`The database did not answer within ${DATABASE_PATIENCE_MS} ms.`)),
  });
}

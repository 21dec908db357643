import { type Database, isLockTimeout, query } from '../database.js';

/** A read marker that is to move. */
export interface PendingMarker {
  userId: string;
  chatId: string;
  seq: number;
  /** The id of a thread's root; null for the main timeline. */
  threadId: string | null;
  /** False: only find out whether it would move. */
  mayWrite: boolean;
}

/** `mark_read.sql` explains each. */
export type MarkerOutcome = ('moved' | 'same' | 'later') | ('no_chat' | 'no_member' | 'beyond' | 'no_thread' | 'busy');

const MARK_READ = {
  name: 'markers-read',
  text: 'SELECT outcome FROM mark_read($1::uuid[], $2::uuid[], $3::int[], $4::uuid[], $5::boolean[], $6)',
};

/**
 * Moves read markers in one transaction. Returns an outcome for each, in the same order. When some of them wait for another transaction
 * for 300 ms, the others are written without them, and these are `busy`.
 * @throws the errors of `query`
 */
export async function markRead(db: Database, markers: readonly PendingMarker[]): Promise<MarkerOutcome[]> {
  try {
    return await write(db, markers, true);
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
    return write(db, markers, false);
  }
}

async function write(db: Database, markers: readonly PendingMarker[], waits: boolean): Promise<MarkerOutcome[]> {
  const rows = await query<{ outcome: MarkerOutcome }>(db, MARK_READ, [
    markers.map(({ userId }) => userId),
    markers.map(({ chatId }) => chatId),
    markers.map(({ seq }) => seq),
    markers.map(({ threadId }) => threadId),
    markers.map(({ mayWrite }) => mayWrite),
    waits,
  ]);
  return rows.map(({ outcome }) => outcome);
}

import { type Database, query } from '../database.js';

// In the order of the ids, as every statement that locks several users. A row that is locked is left out: nothing waits for this.
const WRITE = {
  name: 'users-last-active',
  text: `UPDATE users u SET last_active_at = seen.at FROM (
      SELECT s.id, given.at FROM unnest($1::uuid[], $2::timestamptz[]) AS given (id, at) JOIN users s ON s.id = given.id
      WHERE s.last_active_at IS NULL OR s.last_active_at < given.at ORDER BY s.id FOR NO KEY UPDATE OF s SKIP LOCKED) seen
    WHERE u.id = seen.id`,
};

/** Writes when users were last there, by their ids. A time that is not later than what is stored changes nothing. */
export async function writeLastActive(db: Database, seen: ReadonlyMap<string, Date>): Promise<void> {
  if (seen.size > 0) await query(db, WRITE, [[...seen.keys()], [...seen.values()]]);
}

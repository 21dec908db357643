import { type Database, query } from './database.js';

// An unknown id may come from a database before its backup was restored. It gets the number of the next lower id.
const createdSeq = (table: 'users' | 'chats') => ({
  name: `${table}-created-seq`,
  text: `SELECT coalesce(
      (SELECT created_seq FROM ${table} WHERE id = $1),
      (SELECT created_seq FROM ${table} WHERE id < $1 ORDER BY id DESC LIMIT 1), 0)::text AS seq`,
});
const STATEMENTS = { users: createdSeq('users'), chats: createdSeq('chats') };

/**
 * The `created_seq` of the last item that a client has read of a list: the next page has the items with a higher number. 0 when
 * `after` is undefined. The database assigns the number under a lock that it holds to COMMIT, not from a clock, so a new item
 * never comes before one that a client has already read.
 */
export async function createdSeqOf(db: Database, table: 'users' | 'chats', after: string | undefined): Promise<bigint> {
  if (after === undefined) return 0n;
  const [row] = await query<{ seq: string }>(db, STATEMENTS[table], [after]);
  return BigInt(row?.seq ?? 0);
}

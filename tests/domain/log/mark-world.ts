import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { MarkWorld } from './mark-writer.js';

/** Chats without members, and admins, past the service. */
export async function makeMarkWorld(pool: Pool, size: { chats: number; users: number }): Promise<MarkWorld> {
  const ids = (count: number) => Array.from({ length: count }, () => randomUUID());
  const world = { chats: ids(size.chats), users: ids(size.users) };
  await pool.query(
    `INSERT INTO users (id, username, role) SELECT id, id::text, 'admin' FROM unnest($1::uuid[]) AS given (id)`,
    [world.users],
  );
  await pool.query(
    `INSERT INTO chats (id, name, name_key, epoch) SELECT id, id::text, id::text, 'e' FROM unnest($1::uuid[]) AS given (id)`,
    [world.chats],
  );
  return world;
}

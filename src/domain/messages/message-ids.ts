import { randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

const RANDOM_BYTES = 16;
/** Random bytes for 256 ids. */
const pool = new Uint8Array(256 * RANDOM_BYTES);
let used = pool.length;

/**
 * A UUIDv7. `append_messages` writes the message's number into its last 8 hexadecimal digits, so that chat and id give the row's
 * primary key; 42 random bits remain.
 *
 * Random bytes are fetched for 256 ids at a time: one system call per id was 7 % of a send.
 */
export function newMessageId(): string {
  return uuidv7({ rng: nextRandom });
}

function nextRandom(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += RANDOM_BYTES;
  return pool.subarray(used - RANDOM_BYTES, used);
}

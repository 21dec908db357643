import { randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

const RANDOM_BYTES = 16;
/** Enough for 256 ids. */
const pool = new Uint8Array(256 * RANDOM_BYTES);
let used = pool.length;

/** A UUIDv7. Random bytes for each would be a system call for each, which was 7 % of a send; these come 256 at a time. */
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

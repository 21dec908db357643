import { randomInt } from 'node:crypto';

const EPOCH_CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Eight of 36 characters: two epochs are equal once in 2.8 × 10¹² times. */
export function newEpoch(): string {
  return Array.from({ length: 8 }, () => EPOCH_CHARACTERS[randomInt(EPOCH_CHARACTERS.length)]).join('');
}

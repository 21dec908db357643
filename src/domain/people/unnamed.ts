import { randomInt } from 'node:crypto';

const CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** A username for a user who has none: `user-` or `guest-`, and eight letters and digits. */
export function unnamed(stem: 'user' | 'guest' = 'user'): string {
  return `${stem}-${Array.from({ length: 8 }, () => CHARACTERS[randomInt(CHARACTERS.length)]).join('')}`;
}

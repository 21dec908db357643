import { hash, randomBytes } from 'node:crypto';

/** A link's code: 128 random bits in base64url, behind a prefix by which people and secret scanners recognise it. */
const PREFIX = 'cil_';

export function newInviteCode(): string {
  return PREFIX + randomBytes(16).toString('base64url');
}

/** What the database stores of a code: 128 random bits need no slow hash. */
export function hashInviteCode(code: string): Buffer {
  return hash('sha256', code, 'buffer');
}

import { pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { verify } from '@node-rs/argon2';

const derive = promisify(pbkdf2);

/** https://docs.djangoproject.com/en/5.2/topics/auth/passwords/#how-django-stores-passwords */
const DJANGO_PBKDF2 = /^pbkdf2_sha256\$(\d{1,8})\$([^$]+)\$([A-Za-z0-9+/]{43}=)$/;
const DJANGO_ARGON2 = /^argon2(\$argon2id?\$.+)$/;
/** Ten times the iterations of Django 5. No hash of Django has more. */
const MAX_ITERATIONS = 10_000_000;

/** True for a hash that `verifyByScheme` can verify. */
export function isKnownScheme(storedHash: string): boolean {
  return storedHash.startsWith('$argon2') || DJANGO_ARGON2.test(storedHash) || DJANGO_PBKDF2.test(storedHash);
}

/** Verifies a password by the scheme that the hash's prefix names. A hash of an unknown scheme matches no password. */
export async function verifyByScheme(storedHash: string, password: string): Promise<boolean> {
  if (storedHash.startsWith('$argon2')) return verify(storedHash, password);
  const argon2 = DJANGO_ARGON2.exec(storedHash)?.[1];
  if (argon2 !== undefined) return verify(argon2, password);
  const [, iterations, salt, digest] = DJANGO_PBKDF2.exec(storedHash) ?? [];
  if (iterations === undefined || salt === undefined || digest === undefined) return false;
  const rounds = Number(iterations);
  if (rounds < 1 || rounds > MAX_ITERATIONS) return false;
  const expected = Buffer.from(digest, 'base64');
  return timingSafeEqual(await derive(password, salt, rounds, expected.length, 'sha256'), expected);
}

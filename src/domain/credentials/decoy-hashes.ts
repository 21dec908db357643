import { type Database, query } from '../database.js';

/** A hash scheme with its parameters: the part of a stored hash before the salt. */
type Scheme = string;

/** The scheme of the hashes that this service makes (`passwords.ts`). */
export const CURRENT_SCHEME: Scheme = '$argon2id$v=19$m=19456,t=2,p=1';

const ARGON2 = /^(?:argon2)?(\$argon2(?:id|i|d)\$v=\d{1,3}\$m=\d{1,7},t=\d{1,3},p=\d{1,3})$/;
const PBKDF2 = /^pbkdf2_sha256\$(\d{1,8})$/;
/** Argon2 schemes for which decoys are made. An import usually brings one; every refusal does the work of each. */
const MAX_SCHEMES = 8;
/** A salt and a digest that no password has. */
const ARGON2_DECOY = `$${'A'.repeat(22)}$${'A'.repeat(43)}`;
const PBKDF2_DECOY = `$nobody$${'A'.repeat(43)}=`;

/**
 * Decoy hashes that no password matches, to verify after `storedHash` did not match or when there is none. With them every refusal
 * does the same work, so its time reveals neither whether the user exists nor whether the user was imported.
 */
export function decoysFor(storedHash: string | null, inUse: readonly Scheme[]): string[] {
  const own = storedHash === null ? undefined : schemeOf(storedHash);
  const argon2 = new Set([CURRENT_SCHEME, ...inUse].flatMap((scheme) => ARGON2.exec(scheme)?.[1] ?? []));
  argon2.delete(ARGON2.exec(own ?? '')?.[1] ?? '');
  const missingRounds = Math.max(0, ...inUse.map(roundsOf)) - roundsOf(own ?? '');
  return [
    ...[...argon2].slice(0, MAX_SCHEMES).map((scheme) => scheme + ARGON2_DECOY),
    ...(missingRounds > 0 ? [`pbkdf2_sha256$${missingRounds}${PBKDF2_DECOY}`] : []),
  ];
}

/** The hash without its last two parts, salt and digest. */
function schemeOf(storedHash: string): Scheme {
  return storedHash.split('$').slice(0, -2).join('$');
}

function roundsOf(scheme: Scheme): number {
  return Number(PBKDF2.exec(scheme)?.[1] ?? 0);
}

/** The condition is that of the index `users_foreign_hash_idx`, which PostgreSQL can only use with the same condition. */
const FOREIGN_SCHEMES = {
  name: 'foreign-schemes',
  text: `SELECT DISTINCT substring(password_hash FROM '^(.*)[$][^$]*[$][^$]*$') AS scheme
    FROM users WHERE password_hash NOT LIKE '${CURRENT_SCHEME}$%' LIMIT 100`,
};
/** How long the schemes are cached, in milliseconds. */
const LIFETIME_MS = 60_000;

/** The other schemes among the users' password hashes: those of imported users who have not signed in yet. Cached. */
export class ForeignSchemes {
  private known: { schemes: Promise<readonly Scheme[]>; readAt: number } | undefined;

  constructor(private readonly db: Database) {}

  /** The schemes as of at most a minute ago. Rejects as `query` does; a failed read is not cached. */
  list(): Promise<readonly Scheme[]> {
    const now = performance.now();
    if (!this.known || now - this.known.readAt > LIFETIME_MS) {
      const schemes = this.read();
      this.known = { schemes, readAt: now };
      schemes.catch(() => {
        if (this.known?.schemes === schemes) this.known = undefined;
      });
    }
    return this.known.schemes;
  }

  private async read(): Promise<readonly Scheme[]> {
    const rows = await query<{ scheme: string | null }>(this.db, FOREIGN_SCHEMES, []);
    return rows.flatMap(({ scheme }) => scheme ?? []);
  }
}

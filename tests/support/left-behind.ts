import type { Pool } from 'pg';
import { PasswordHasher } from '../../src/domain/credentials/passwords.js';

/** The prefix by which the service's tokens are recognised: src/domain/access/tokens/opaque-token.ts. */
const TOKEN = /c(?:at|rt|st|ac|bs|cs)_[\w-]{43}/g;
/** In characters: the minimum of the password rule. Shorter strings occur in ordinary words too. */
const SHORTEST_PASSWORD = 8;

/** The passwords and chosen secrets, right and wrong, that the tests of this file made the service hash or check. */
const typed = new Set<string>();

const { hash, verify } = PasswordHasher.prototype;
PasswordHasher.prototype.hash = function (password) {
  remember(password);
  return hash.call(this, password);
};
PasswordHasher.prototype.verify = function (storedHash, password, ...more) {
  remember(password);
  return verify.call(this, storedHash, password, ...more);
};

function remember(password: string): void {
  if (password.length >= SHORTEST_PASSWORD) typed.add(password);
}

/** Every row of every table, as PostgreSQL's text and as JSON. */
export async function dumpOf(pool: Pool): Promise<string> {
  const { rows: tables } = await pool.query<{ name: string }>(
    `SELECT format('%I', tablename) AS name FROM pg_tables WHERE schemaname = 'public'`,
  );
  // One statement: the pool gives a connection within 2 s, and a busy machine may not read all tables in that time.
  const { rows } = await pool.query<{ row: string; json: string }>(
    tables.map(({ name }) => `SELECT t::text AS row, to_jsonb(t)::text AS json FROM ${name} t`).join(' UNION ALL '),
  );
  return rows.map(({ row, json }) => `${row}\n${json}`).join('\n');
}

/**
 * Checks, when anything that a test started is closed, that its database and its log contain no token of any kind and no password.
 */
export async function expectNoSecretLeft({ pool, log }: { pool?: Pool; log?: readonly string[] }): Promise<void> {
  const places = { log: log?.join('') ?? '', database: pool ? await dumpOf(pool) : '' };
  for (const [place, text] of Object.entries(places)) {
    const found = secretsIn(text);
    if (found.length > 0) throw new Error(`The ${place} holds what must be in no place: ${found.join(', ')}`);
  }
}

function secretsIn(text: string): string[] {
  const passwords = [...typed].filter((password) => text.includes(JSON.stringify(password).slice(1, -1)));
  return [...new Set(text.match(TOKEN)), ...passwords];
}

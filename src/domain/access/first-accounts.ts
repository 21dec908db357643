import { auditEntries } from '../audit.js';
import { Attempts, DEFAULT_ATTEMPT_LIMITS } from '../credentials/attempts.js';
import { MemoryAttemptStore } from '../credentials/memory-attempt-store.js';
import { PasswordHasher } from '../credentials/passwords.js';
import type { Database, Models } from '../database.js';
import { DomainError } from '../errors.js';
import { createUser, userCreated } from '../people/users.js';
import type { UserProfile } from '../profile.js';
import { toProfile } from '../profile.js';
import type { NewClient } from './client-rules.js';
import { Clients, type OAuthClient } from './clients.js';

export interface FirstAccountsInput {
  admin: { username: string; password: string };
  /** Created unless a client with its id exists. */
  client?: NewClient | undefined;
}

export interface FirstAccounts {
  admin: UserProfile;
  client: { client: OAuthClient; secret: string | null } | undefined;
}

/** The advisory lock of `createFirstAccounts`. The number is arbitrary; nothing else in the database uses it. */
const FIRST_ACCOUNTS_LOCK = 72_707_371;

export async function hasUsers({ prisma }: Models): Promise<boolean> {
  return (await prisma.user.findFirst({ select: { id: true } })) !== null;
}

/**
 * Creates the first admin and client of a database without users, both or neither. Returns undefined, and changes nothing, when
 * there are users or when another process creates the accounts at the same time.
 *
 * @throws DomainError `BAD_USER_INPUT` for a value that breaks its rule
 */
export async function createFirstAccounts(
  db: Pick<Database, 'prisma'>,
  { admin, client }: FirstAccountsInput,
): Promise<FirstAccounts | undefined> {
  const hasher = new PasswordHasher();
  const create = db.prisma.$transaction(
    async (prisma) => {
      await prisma.$executeRaw`SELECT pg_advisory_xact_lock(${FIRST_ACCOUNTS_LOCK})`;
      if (await hasUsers({ prisma })) return undefined;
      const attempts = new Attempts(new MemoryAttemptStore(), DEFAULT_ATTEMPT_LIMITS);
      const clients = new Clients({ prisma }, hasher, attempts);
      const user = await createUser({ prisma }, hasher, { ...admin, role: 'admin' });
      const exists = client?.id !== undefined && (await clients.find(client.id)) !== undefined;
      const created = client && !exists ? await clients.create(client) : undefined;
      const acts = auditEntries(undefined, [userCreated(user.id, user)]);
      await prisma.$executeRaw`SELECT write_audit_entries(${acts}::jsonb)`;
      return { admin: toProfile(user), client: created };
    },
    { maxWait: 10_000, timeout: 15_000 },
  );
  return create.catch((error: unknown) => {
    // An operator's command, which does not take the lock, has created the user or client meanwhile.
    if (error instanceof DomainError && error.code === 'CONFLICT') return undefined;
    throw error;
  });
}

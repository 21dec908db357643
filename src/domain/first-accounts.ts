import { Attempts, DEFAULT_ATTEMPT_LIMITS } from './attempts.js';
import type { NewClient } from './client-rules.js';
import { Clients, type OAuthClient } from './clients.js';
import type { Database, Models } from './database.js';
import { DomainError } from './errors.js';
import { MemoryAttemptStore } from './memory-attempt-store.js';
import { PasswordHasher } from './passwords.js';
import { toProfile, Users } from './users.js';
import type { UserProfile } from './viewer.js';

export interface FirstAccountsInput {
  admin: { username: string; password: string };
  /** No client is created without it, nor when one with its id is there already. */
  client?: NewClient | undefined;
}

export interface FirstAccounts {
  admin: UserProfile;
  client: { client: OAuthClient; secret: string | null } | undefined;
}

/** Names the turn to look and create. Any number that nothing else locks here. */
const turnToCreate = 72_707_371;

export async function hasUsers({ prisma }: Models): Promise<boolean> {
  return (await prisma.user.findFirst({ select: { id: true } })) !== null;
}

/**
 * Gives a database without users its first admin and client, both or neither. Of processes that do this at once one
 * creates; for the others, and on a database with users, it is undefined and nothing changes.
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
      await prisma.$executeRaw`SELECT pg_advisory_xact_lock(${turnToCreate})`;
      if (await hasUsers({ prisma })) return undefined;
      const attempts = new Attempts(new MemoryAttemptStore(), DEFAULT_ATTEMPT_LIMITS);
      const users = new Users({ prisma }, hasher, async () => {}, attempts);
      const clients = new Clients({ prisma }, hasher, attempts);
      const user = await users.create({ ...admin, role: 'admin' });
      const isThere = client?.id !== undefined && (await clients.find(client.id)) !== undefined;
      return { admin: toProfile(user), client: client && !isThere ? await clients.create(client) : undefined };
    },
    { maxWait: 10_000, timeout: 15_000 },
  );
  return create.catch((error: unknown) => {
    // An operator's command, which takes no turn, was quicker.
    if (error instanceof DomainError && error.code === 'CONFLICT') return undefined;
    throw error;
  });
}

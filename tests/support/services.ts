import { expect } from 'vitest';
import type { Bus } from '../../src/delivery/bus.js';
import { InProcessBus } from '../../src/delivery/in-process-bus.js';
import { DEFAULT_ATTEMPT_LIMITS } from '../../src/domain/credentials/attempts.js';
import type { UserProfile, UserRole } from '../../src/domain/profile.js';
import { toProfile } from '../../src/domain/profile.js';
import type { Scope, Viewer } from '../../src/domain/viewer.js';
import { createDatabase } from '../../src/plugins/database/client.js';
import { createServices, type ServicesOptions } from '../../src/plugins/services.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { expectNoSecretLeft } from './left-behind.js';

const NEVER_MS = 1e12;

export const PASSWORD = 'correct horse battery';

/** One process's services on a database: the floors below the edges, without any edge. */
export async function startServices(
  database: Pick<TestDatabase, 'url' | 'embedded'>,
  bus: Bus = new InProcessBus(),
  options: Partial<ServicesOptions> = {},
) {
  const db = createDatabase(database);
  const errors: { error: unknown; doing: string }[] = [];
  const { services, flushScheduler, close } = await createServices(
    db,
    bus,
    (error, doing) => errors.push({ error, doing }),
    {
      accessTokenSeconds: 36_000,
      refreshTokenSeconds: 86_400,
      refreshTokenAbsoluteSeconds: 2_592_000,
      refreshGraceSeconds: 10,
      attemptLimits: DEFAULT_ATTEMPT_LIMITS,
      // Not written in between: some tests count statements.
      presenceTimes: { writeMs: NEVER_MS },
      ...options,
    },
  );
  let count = 0;
  let client: ReturnType<typeof services.clients.create> | undefined;
  return {
    db,
    bus,
    flushScheduler,
    /** What failed behind the scenes. */
    errors,
    ...services,

    async newUser(role: UserRole = 'user'): Promise<UserProfile> {
      count += 1;
      const data = { id: crypto.randomUUID(), username: `${role}${count}`, role };
      return toProfile(await db.prisma.user.create({ data }));
    },

    /** A viewer with a sign-in, as statements that act on a user's word check it. */
    async newViewer(user: UserProfile, scopes: Scope[] = ['read', 'write']): Promise<Viewer> {
      client ??= services.clients.create({ name: 'Test client', grants: ['client_credentials'] });
      const clientId = (await client).client.id;
      const issued = await services.tokens.issue({ clientId, userId: user.id, scopes, withRefreshToken: false });
      const viewer = issued && (await services.tokens.authenticate(issued.accessToken));
      if (!viewer) throw new Error('No token was issued.');
      return viewer;
    },

    /** A chat with these members. */
    async newChat(...members: UserProfile[]) {
      count += 1;
      const chat = await services.chats.create(`chat ${count}`);
      for (const member of members) await services.memberships.add(null, chat.id, member.id);
      return chat;
    },

    async close() {
      await close();
      await bus.close();
      await expectNoSecretLeft({ pool: db.pool }).finally(() => db.close());
    },
  };
}

export type TestServices = Awaited<ReturnType<typeof startServices>>;

/** Services on a database of their own, which goes with them. */
export async function startOwnServices(options: Partial<ServicesOptions> = {}) {
  const database = await createTestDatabase();
  const services = await startServices(database, new InProcessBus(), options);
  return {
    ...services,
    database,
    async close() {
      await services.close();
      await database.drop();
    },
  };
}

/** A viewer as a token of the user's would make one, good for an hour. */
export function viewerOf(user: UserProfile | null, scopes: Scope[] = ['read', 'write']): Viewer {
  return {
    user,
    clientId: 'test',
    familyId: crypto.randomUUID(),
    scopes: new Set(scopes),
    expiresAt: new Date(Date.now() + 3_600_000),
    endsAt: performance.now() + 3_600_000,
    graceMs: 0,
  };
}

/** For comparing: the same viewer, read at another moment. */
export function sameViewer(viewer: Viewer): Viewer {
  return { ...viewer, endsAt: expect.any(Number) };
}

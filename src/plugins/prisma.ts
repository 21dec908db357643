import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { createDatabase, type OpenDatabase } from './database/client.js';
import { startEmbedded } from './database/embedded.js';
import { applyMigrations } from './database/migrations.js';

declare module 'fastify' {
  interface FastifyInstance {
    db: OpenDatabase;
  }
}

export interface DatabaseToUse {
  /** URL of a running database; without it the embedded one in `dataDir` is started. */
  url: string | undefined;
  dataDir: string;
  /** True when `url` points to an embedded database that another process or caller started. */
  embedded?: boolean;
}

/** A migrated database, which the plugin opens. */
export interface MigratedDatabase {
  url: string;
  embedded: boolean;
  /** Stops the embedded database if `migrateDatabase` started it. */
  stop(): Promise<void>;
}

/**
 * Starts the embedded database if there is no `url`, then applies the migrations. Not a plugin, since plugins have a time-out
 * to load in and the migration of a large database has none. Await it before loading the first plugin.
 *
 * @throws as `startEmbedded` and `applyMigrations`
 */
export async function migrateDatabase(options: DatabaseToUse, log: FastifyBaseLogger): Promise<MigratedDatabase> {
  const server = options.url === undefined ? await startEmbedded(options.dataDir) : undefined;
  const url = server?.url ?? options.url ?? '';
  const stop = async () => server?.close();
  try {
    const applied = await applyMigrations(url, undefined, (message, migrations) => log.info({ migrations }, message));
    // One line: an empty database gets all that there ever were.
    if (applied.length > 0) log.info({ migrations: applied.length, newest: applied.at(-1) }, 'database migrated');
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, embedded: options.embedded ?? server !== undefined, stop };
}

/** Opens the migrated database. */
async function prisma(app: FastifyInstance, { url, embedded, stop }: MigratedDatabase) {
  app.addHook('onClose', stop);
  const db = createDatabase({
    url,
    embedded,
    onConnectionLost: (error) => app.log.warn({ err: error }, 'lost a database connection'),
  });
  app.decorate('db', db);
  app.addHook('onClose', () => db.close());
  await db.checkSessions();
}

export default fp(prisma, { name: 'prisma' });

import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { createDatabase, type OpenDatabase } from './database/client.js';
import { startEmbedded } from './database/embedded.js';
import { applyMigrations } from './database/migrations.js';

declare module 'fastify' {
  interface FastifyInstance {
    db: OpenDatabase;
  }
}

export interface PrismaOptions {
  /** A PostgreSQL to use; without one the embedded database in `dataDir` is started. */
  url: string | undefined;
  dataDir: string;
  /** True for a `url` that leads to an embedded database which somebody else started. */
  embedded?: boolean;
}

/** Opens the database, migrated. */
async function prisma(app: FastifyInstance, options: PrismaOptions) {
  const server = options.url === undefined ? await startEmbedded(options.dataDir) : undefined;
  app.addHook('onClose', () => server?.close());
  const url = server?.url ?? options.url ?? '';
  for (const name of await applyMigrations(url)) app.log.info({ migration: name }, 'database migrated');
  const db = createDatabase({
    url,
    embedded: options.embedded ?? server !== undefined,
    onConnectionLost: (error) => app.log.warn({ err: error }, 'lost a database connection'),
  });
  app.decorate('db', db);
  app.addHook('onClose', () => db.close());
}

export default fp(prisma, { name: 'prisma' });

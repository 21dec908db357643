import Fastify from 'fastify';
import { type Config, loadConfig } from '../config.js';
import type { Database } from '../domain/database.js';
import bus from '../plugins/bus.js';
import prisma from '../plugins/prisma.js';
import services, { type Services } from '../plugins/services.js';
import { servicesOptions } from '../services-options.js';
import { locateDatabase } from './locate-database.js';

/** The service's domain in a process that serves nobody. */
export interface OpenServices extends Services {
  /** Whether running processes hear at once what is changed here; without Redis they look after half a minute at most. */
  isHeard(): Promise<boolean>;
  readonly db: Database;
  close(): Promise<void>;
}

/**
 * Opens the domain on the configured database, migrated, and on the configured bus.
 *
 * @throws DatabaseUnreachableError, MigrationFailedError, DataFolderBusyError
 */
export async function openServices(config: Config): Promise<OpenServices> {
  const database = await locateDatabase(config);
  const app = Fastify({ logger: false, pluginTimeout: 0 });
  const close = async () => {
    await app.close();
    await database.close();
  };
  try {
    await app.register(prisma, { url: database.url, dataDir: config.dataDir, embedded: database.embedded });
    await app.register(bus, { redisUrl: config.redisUrl });
    await app.register(services, servicesOptions(config));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ...app.services,
    db: app.db,
    async isHeard() {
      if (config.redisUrl === undefined) return false;
      return app.bus.check().then(
        () => true,
        () => false,
      );
    },
    close,
  };
}

/** Runs `work` on the services of the configured database and closes them behind it, whatever comes of it. */
export async function withServices<Result>(
  work: (services: OpenServices, config: Config) => Promise<Result>,
): Promise<Result> {
  const config = loadConfig();
  const services = await openServices(config);
  try {
    return await work(services, config);
  } finally {
    await services.close();
  }
}

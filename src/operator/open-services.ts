import Fastify from 'fastify';
import { type Config, loadConfig } from '../config/config.js';
import { servicesOptions } from '../config/services-options.js';
import type { Database } from '../domain/database.js';
import bus from '../plugins/bus.js';
import deployment from '../plugins/deployment.js';
import prisma, { migrateDatabase } from '../plugins/prisma.js';
import services, { type Services } from '../plugins/services.js';
import { locateDatabase } from './locate-database.js';

/** The service's domain in a process without a server. */
export interface OpenServices extends Services {
  /** Whether running processes learn of changes at once, over Redis. Without it they notice within 30 s. */
  reachesRunningProcesses(): Promise<boolean>;
  readonly db: Database;
  close(): Promise<void>;
}

/**
 * Opens the domain on the configured database, after migrating it, and on the configured bus.
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
    await app.register(prisma, await migrateDatabase({ ...database, dataDir: config.dataDir }, app.log));
    await app.register(deployment);
    await app.register(bus, { redisUrl: config.redisUrl });
    await app.register(services, servicesOptions(config));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ...app.services,
    db: app.db,
    async reachesRunningProcesses() {
      if (config.redisUrl === undefined) return false;
      return app.bus.check().then(
        () => true,
        () => false,
      );
    },
    close,
  };
}

/** Runs `work` with the configured services, and closes them when it ends or throws. */
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

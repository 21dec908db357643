import type { Config } from '../config/config.js';
import { findRunningEmbedded, startEmbedded } from '../plugins/database/embedded.js';
import { DataFolderBusyError } from '../plugins/database/errors.js';

/** The configured database, running until `close`. */
export interface LocatedDatabase {
  readonly url: string;
  readonly embedded: boolean;
  /** Stops the database if it was started for the caller. */
  close(): Promise<void>;
}

/**
 * Finds the service's database, whether the service runs or not: the configured PostgreSQL, else the embedded database of the
 * running service, else the embedded database, which is then started here.
 */
export async function locateDatabase({
  databaseUrl,
  dataDir,
}: Pick<Config, 'databaseUrl' | 'dataDir'>): Promise<LocatedDatabase> {
  if (databaseUrl !== undefined) return runningElsewhere(databaseUrl, false);
  const running = await findRunningEmbedded(dataDir);
  if (running !== undefined) return runningElsewhere(running, true);
  try {
    const started = await startEmbedded(dataDir);
    return { url: started.url, embedded: true, close: () => started.close() };
  } catch (error) {
    // The service has started since the check above.
    const url = error instanceof DataFolderBusyError ? await findRunningEmbedded(dataDir) : undefined;
    if (url === undefined) throw error;
    return runningElsewhere(url, true);
  }
}

function runningElsewhere(url: string, embedded: boolean): LocatedDatabase {
  return { url, embedded, async close() {} };
}

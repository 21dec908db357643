import type { Config } from '../config.js';
import { findRunningEmbedded, startEmbedded } from '../plugins/database/embedded.js';
import { DataFolderBusyError } from '../plugins/database/errors.js';

/** The configured database, there to be connected to until `close`. */
export interface LocatedDatabase {
  readonly url: string;
  readonly embedded: boolean;
  /** Stops what was started for the caller. A database that others run is left alone. */
  close(): Promise<void>;
}

/**
 * Finds the database that the service uses, whether the service runs or not: PostgreSQL when one is configured, the embedded
 * database of the running service otherwise, and when nobody runs that, it is started here.
 */
export async function locateDatabase({
  databaseUrl,
  dataDir,
}: Pick<Config, 'databaseUrl' | 'dataDir'>): Promise<LocatedDatabase> {
  if (databaseUrl !== undefined) return ofOthers(databaseUrl, false);
  const running = await findRunningEmbedded(dataDir);
  if (running !== undefined) return ofOthers(running, true);
  try {
    const started = await startEmbedded(dataDir);
    return { url: started.url, embedded: true, close: () => started.close() };
  } catch (error) {
    // The service began to run since we looked.
    const url = error instanceof DataFolderBusyError ? await findRunningEmbedded(dataDir) : undefined;
    if (url === undefined) throw error;
    return ofOthers(url, true);
  }
}

function ofOthers(url: string, embedded: boolean): LocatedDatabase {
  return { url, embedded, async close() {} };
}

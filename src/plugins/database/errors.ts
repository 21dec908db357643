/** No connection can be made: nobody listens, the name does not resolve, the credentials or the database are wrong. */
export class DatabaseUnreachableError extends Error {
  override readonly name = 'DatabaseUnreachableError';
  readonly code = 'DATABASE_UNREACHABLE';

  constructor(databaseUrl: string, cause: unknown) {
    super(`Cannot connect to the database at ${addressOf(databaseUrl)}: ${reasonOf(cause)}.`, { cause });
  }
}

/** A migration was refused by the database. All of this run's migrations were rolled back. */
export class MigrationFailedError extends Error {
  override readonly name = 'MigrationFailedError';
  readonly code = 'MIGRATION_FAILED';

  constructor(migration: string | undefined, cause: unknown) {
    super(
      `${migration ? `The migration ${migration}` : 'Migrating'} failed, and the database is as it was before: ${reasonOf(cause)}.`,
      { cause },
    );
  }
}

/** Another process of the service runs on this data folder. */
export class DataFolderBusyError extends Error {
  override readonly name = 'DataFolderBusyError';
  readonly code = 'DATA_FOLDER_BUSY';

  constructor(dataDir: string) {
    super(
      `Another process already runs the embedded database in ${dataDir}. ` +
        'Stop it, choose another DATA_DIR, or use PostgreSQL (DATABASE_URL) to run several processes.',
    );
  }
}

/** Where a database is, without its password. */
function addressOf(databaseUrl: string): string {
  if (!URL.canParse(databaseUrl)) return 'DATABASE_URL (which is not a URL)';
  const url = new URL(databaseUrl);
  const socket = url.searchParams.get('host');
  return `${socket ?? url.host}${url.pathname}`;
}

function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) return cause.errors.map(reasonOf).join(', ');
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.trim().replace(/\.$/, '');
}

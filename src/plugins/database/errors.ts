/** Connecting failed: nobody listens, the name does not resolve, or the credentials or the database name are wrong. */
export class DatabaseUnreachableError extends Error {
  override readonly name = 'DatabaseUnreachableError';
  readonly code = 'DATABASE_UNREACHABLE';

  constructor(databaseUrl: string, cause: unknown) {
    super(`Cannot connect to the database at ${addressOf(databaseUrl)}: ${reasonOf(cause)}.`, { cause });
  }
}

/** Connecting succeeded, but the service cannot use the session: wrong version or encoding, or shared by a pooler. */
export class DatabaseSessionError extends Error {
  override readonly name = 'DatabaseSessionError';
  readonly code = 'DATABASE_SESSION';
}

/** The database refused a migration. All migrations of this run are rolled back. */
export class MigrationFailedError extends Error {
  override readonly name = 'MigrationFailedError';
  readonly code = 'MIGRATION_FAILED';

  constructor(migration: string | undefined, cause: unknown) {
    super(
      isForbidden(cause)
        ? 'Migrating failed, and the database is as it was before: the role of DATABASE_URL may not create tables there. ' +
            'Let it (GRANT CREATE ON SCHEMA public), or run "npm run manage -- migrate" as a role that may.'
        : `${migration ? `The migration ${migration}` : 'Migrating'} failed, and the database is as it was before: ${reasonOf(cause)}.`,
      { cause },
    );
  }
}

/** Another process runs the embedded database on this data folder. */
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

/** The data folder, or the database in it, cannot be used. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError';
  readonly code = 'DATA_FOLDER';

  /** `reason` completes “… cannot be used: ”, without a full stop. */
  constructor(folder: string, reason: string, options?: ErrorOptions) {
    super(`The data folder ${folder} cannot be used: ${reason}.`, options);
  }

  /** Turns an error of the file system into one of this class; returns any other error as it is. */
  static of(folder: string, error: unknown): unknown {
    if (error instanceof DataFolderError || !(error instanceof Error && 'code' in error)) return error;
    const reason = FOLDER_REASONS[String(error.code)] ?? error.message;
    return new DataFolderError(folder, reason, { cause: error });
  }
}

const FOLDER_REASONS: Record<string, string> = {
  EACCES: 'this user may not write there; change its owner, or choose another DATA_DIR',
  EPERM: 'this user may not change it; change its owner, or choose another DATA_DIR',
  EROFS: 'its volume is read-only; choose another DATA_DIR',
  ENOSPC: 'there is no space left on its volume; make room, or choose another DATA_DIR',
  EDQUOT: 'the quota of its volume is used up; make room, or choose another DATA_DIR',
  ENOENT: 'it is not there and cannot be made; choose another DATA_DIR',
  EEXIST: 'it is a file; choose another DATA_DIR',
  ENOTDIR: 'a part of its path is a file; choose another DATA_DIR',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'a part of its path is too long',
};

/** `insufficient_privilege` (PostgreSQL, Appendix A). */
function isForbidden(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === '42501';
}

/** A database URL's host and database, without the password. */
function addressOf(databaseUrl: string): string {
  if (!URL.canParse(databaseUrl)) return 'DATABASE_URL (which is not a URL)';
  const url = new URL(databaseUrl);
  const socket = url.searchParams.get('host');
  return `${socket ?? url.host}${url.pathname}`;
}

function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) return cause.errors.map(reasonOf).join(', ');
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.replaceAll(/\s+/g, ' ').trim().replace(/\.$/, '');
}

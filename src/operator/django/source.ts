import pg from 'pg';
import { CommandError } from '../command-error.js';

/** The rows read from a Django service's database. The ids are Django's; they only join the rows. */
export interface DjangoData {
  users: DjangoUser[];
  applications: DjangoApplication[];
  accessTokens: DjangoAccessToken[];
  refreshTokens: DjangoRefreshToken[];
}

export interface DjangoUser {
  id: string;
  /** Null only in a project's own table. */
  username: string | null;
  /** Empty for a user without one. */
  password: string;
  email: string;
  first_name: string;
  last_name: string;
  is_active: boolean;
  is_admin: boolean;
  date_joined: Date;
}

export interface DjangoApplication {
  id: string;
  client_id: string;
  client_secret: string;
  client_type: string;
  authorization_grant_type: string;
  name: string;
  redirect_uris: string;
}

export interface DjangoAccessToken {
  id: string;
  token: string;
  application_id: string | null;
  user_id: string | null;
  scope: string;
  created: Date;
  expires: Date;
}

/** A refresh token that is not revoked. */
export interface DjangoRefreshToken {
  token: string;
  access_token_id: string | null;
  application_id: string;
  user_id: string;
  created: Date;
  updated: Date;
  /** Scope and expiry of its access token, which Django keeps for a while after it expired. */
  scope: string | null;
  expires: Date | null;
}

/** Names to try for the table of users, when --user-table is not given. */
const USER_TABLES = ['users_user', 'auth_user', 'accounts_user', 'core_user'];

/** Sets the formats that the driver can parse, whatever the database's settings are. */
const PLAIN_SESSION = `SET timezone = 'UTC'; SET datestyle = 'ISO, MDY'; SET intervalstyle = 'postgres'; SET statement_timeout = 0`;

/**
 * Reads everything in one read-only snapshot.
 * @throws CommandError when the database cannot be reached or is not one of django-oauth-toolkit
 */
export async function readDjango(dsn: string, userTable: string | undefined): Promise<DjangoData> {
  if (!/^postgres(ql)?:\/\//.test(dsn))
    throw new CommandError('The database must be a URL such as postgresql://user:password@host:5432/database.');
  const client = new pg.Client({ connectionString: dsn, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {});
  await client.connect().catch((error: unknown) => {
    const reason = error instanceof Error && error.message !== '' ? error.message : 'nobody answers there';
    throw new CommandError(`The Django service's database cannot be reached: ${reason}.`);
  });
  try {
    await client.query(PLAIN_SESSION);
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const table = await findUserTable(client, userTable);
    return { users: await readUsers(client, table), ...(await readOAuth(client)) };
  } finally {
    await client.end();
  }
}

async function findUserTable(client: pg.Client, given: string | undefined): Promise<string> {
  const candidates = given === undefined ? USER_TABLES : [given];
  for (const table of candidates) {
    const columns = await columnsOf(client, table);
    if (columns.has('username') && columns.has('password')) return table;
  }
  throw new CommandError(
    given === undefined
      ? `There is no table of users (${USER_TABLES.join(', ')}): name it with --user-table.`
      : `There is no table "${given}" with the columns username and password.`,
  );
}

async function columnsOf(client: pg.Client, table: string): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT column_name AS name FROM information_schema.columns WHERE table_schema = ANY (current_schemas(false)) AND table_name = $1',
    [table],
  );
  return new Set(rows.map(({ name }) => name));
}

/** A custom user model may lack columns of Django's, or leave them null: Django's defaults stand in for both. */
async function readUsers(client: pg.Client, table: string): Promise<DjangoUser[]> {
  const columns = await columnsOf(client, table);
  const column = (name: string, otherwise: string) => (columns.has(name) ? name : otherwise);
  // Only superusers have every right. Staff may merely sign in to Django's admin site.
  const isAdmin = columns.has('role') ? `lower(role::text) = 'admin'` : column('is_superuser', 'false');
  const { rows } = await client.query<DjangoUser>(
    `SELECT id::text, username, coalesce(password, '') AS password, coalesce(${column('email', "''")}, '') AS email,
       coalesce(${column('first_name', "''")}, '') AS first_name, coalesce(${column('last_name', "''")}, '') AS last_name,
       coalesce(${column('is_active', 'true')}, true) AS is_active, coalesce(${isAdmin}, false) AS is_admin,
       coalesce(${column('date_joined', 'now()')}, now()) AS date_joined
     FROM ${client.escapeIdentifier(table)} u ORDER BY u.id`,
  );
  return rows;
}

async function readOAuth(client: pg.Client): Promise<Omit<DjangoData, 'users'>> {
  if ((await columnsOf(client, 'oauth2_provider_application')).size === 0)
    throw new CommandError(
      'There is no table oauth2_provider_application: this is no database of django-oauth-toolkit.',
    );
  const applications = await client.query<DjangoApplication>(
    `SELECT id::text, client_id, client_secret, client_type, authorization_grant_type, name, redirect_uris
     FROM oauth2_provider_application a ORDER BY a.id`,
  );
  const accessTokens = await client.query<DjangoAccessToken>(
    `SELECT id::text, token, application_id::text, user_id::text, scope, created, expires
     FROM oauth2_provider_accesstoken a WHERE expires > now() ORDER BY a.id`,
  );
  const refreshTokens = await client.query<DjangoRefreshToken>(
    `SELECT r.token, r.access_token_id::text, r.application_id::text, r.user_id::text, r.created, r.updated, a.scope, a.expires
     FROM oauth2_provider_refreshtoken r LEFT JOIN oauth2_provider_accesstoken a ON a.id = r.access_token_id
     WHERE r.revoked IS NULL ORDER BY r.id`,
  );
  return { applications: applications.rows, accessTokens: accessTokens.rows, refreshTokens: refreshTokens.rows };
}

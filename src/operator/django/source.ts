import pg from 'pg';
import { CommandError } from '../command-error.js';

/** What is taken of a Django service's database. Its ids are theirs alone: they join the rows and are not kept. */
export interface DjangoData {
  users: DjangoUser[];
  applications: DjangoApplication[];
  accessTokens: DjangoAccessToken[];
  refreshTokens: DjangoRefreshToken[];
}

export interface DjangoUser {
  id: string;
  username: string;
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

/** One that was not revoked. */
export interface DjangoRefreshToken {
  token: string;
  access_token_id: string | null;
  application_id: string;
  user_id: string;
  created: Date;
  updated: Date;
  /** Of its access token, which is there for a while after its end too. */
  scope: string | null;
  expires: Date | null;
}

/** The tables that a project's users may be in, when it does not say. */
const USER_TABLES = ['users_user', 'auth_user', 'accounts_user', 'core_user'];

/**
 * Reads it all as of one moment, and changes nothing.
 * @throws CommandError when it cannot be reached or is no such database
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

/** A project's own user model may lack what Django's has. */
async function readUsers(client: pg.Client, table: string): Promise<DjangoUser[]> {
  const columns = await columnsOf(client, table);
  const column = (name: string, otherwise: string) => (columns.has(name) ? name : otherwise);
  const isAdmin = columns.has('role')
    ? `lower(role::text) = 'admin'`
    : `${column('is_superuser', 'false')} OR ${column('is_staff', 'false')}`;
  const { rows } = await client.query<DjangoUser>(
    `SELECT id::text, username, password, coalesce(${column('email', "''")}, '') AS email,
       coalesce(${column('first_name', "''")}, '') AS first_name, coalesce(${column('last_name', "''")}, '') AS last_name,
       ${column('is_active', 'true')} AS is_active, (${isAdmin}) AS is_admin, ${column('date_joined', 'now()')} AS date_joined
     FROM ${client.escapeIdentifier(table)} ORDER BY id`,
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
     FROM oauth2_provider_application ORDER BY id`,
  );
  const accessTokens = await client.query<DjangoAccessToken>(
    `SELECT id::text, token, application_id::text, user_id::text, scope, created, expires
     FROM oauth2_provider_accesstoken WHERE expires > now() ORDER BY id`,
  );
  const refreshTokens = await client.query<DjangoRefreshToken>(
    `SELECT r.token, r.access_token_id::text, r.application_id::text, r.user_id::text, r.created, r.updated, a.scope, a.expires
     FROM oauth2_provider_refreshtoken r LEFT JOIN oauth2_provider_accesstoken a ON a.id = r.access_token_id
     WHERE r.revoked IS NULL ORDER BY r.id`,
  );
  return { applications: applications.rows, accessTokens: accessTokens.rows, refreshTokens: refreshTokens.rows };
}

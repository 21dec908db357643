/** Parameters of DATABASE_URL that the driver reads, with their allowed values. */
const DATABASE_PARAMETERS: Record<string, RegExp> = {
  host: /./,
  port: /^\d{1,5}$/,
  user: /./,
  password: /./,
  options: /^/,
  application_name: /^/,
  ssl: /^(true|1|0)$/,
  sslnegotiation: /^(postgres|direct)$/,
  sslmode: /^(disable|prefer|require|verify-ca|verify-full|no-verify)$/,
  sslcert: /./,
  sslkey: /./,
  sslrootcert: /./,
  uselibpqcompat: /^(true|false)$/,
};

/** Why a well-known parameter is not used, or what to do instead. */
const UNUSED_REASONS: Record<string, string> = {
  schema: 'the tables are in the schema public; give each service a database of its own',
  pgbouncer: 'a pooler has to pool sessions, and then needs no parameter',
  connection_limit: 'each process opens up to 10 connections',
  pool_timeout: 'the service waits 2 seconds for a connection',
  channel_binding: 'use sslmode=verify-full, so that the server shows who it is',
  connect_timeout: 'the service waits 2 seconds for a connection',
};

/** One sentence for each part of DATABASE_URL that the driver would ignore or misread. Does not show values, which may be secrets. */
export function databaseUrlProblems(text: string): string[] {
  const url = new URL(text);
  const problems: string[] = [];
  if (url.hash !== '') problems.push('DATABASE_URL must not have a #: what follows is not used. Write it as %23.');
  if (url.pathname.slice(1).includes('/')) problems.push('DATABASE_URL must name one database after the host.');
  if (url.host.includes(',')) problems.push('DATABASE_URL must name one host.');
  if (![url.username, url.password, url.pathname].every(isDecodable))
    problems.push('DATABASE_URL has a % that begins no escape. Write it as %25.');
  const seen = new Set<string>();
  for (const [name, value] of url.searchParams) {
    const rule = Object.hasOwn(DATABASE_PARAMETERS, name) ? DATABASE_PARAMETERS[name] : undefined;
    if (rule === undefined) {
      const why = Object.hasOwn(UNUSED_REASONS, name) ? `: ${UNUSED_REASONS[name]}` : '';
      problems.push(`DATABASE_URL must not have the parameter "${name}", which is not used${why}.`);
    } else if (seen.has(name)) problems.push(`DATABASE_URL must have the parameter "${name}" once.`);
    else if (!rule.test(value)) problems.push(`DATABASE_URL has a value of "${name}" that is not understood.`);
    seen.add(name);
  }
  return problems;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

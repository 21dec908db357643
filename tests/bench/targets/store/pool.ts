import pg from 'pg';

/** As many connections as the service has. */
export function openPool(connectionString: string): pg.Pool {
  return new pg.Pool({ connectionString, max: 10, keepAlive: true });
}

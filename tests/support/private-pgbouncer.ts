import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import pg from 'pg';
import { freePort } from './free-port.js';
import type { Keeper } from './keeper.js';
import { accountToUse } from './server-account.js';
import { isProgram } from './server-program.js';
import { waitUntil } from './wait-until.js';

const START_BOUND_MS = 10_000;

/** The path of this machine's PgBouncer. Without one, its tests are skipped. */
export function findPgBouncer({ PATH = '' } = process.env): string | undefined {
  const folders = [...PATH.split(delimiter), '/usr/sbin', '/usr/local/sbin'].filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, 'pgbouncer')).find(isProgram);
}

/**
 * Starts a PgBouncer in front of a PostgreSQL, with default settings except those given. Returns the database's URL through it.
 */
export async function startPgBouncer(
  keeper: Keeper,
  databaseUrl: string,
  settings: Record<string, string> = {},
): Promise<string> {
  const program = findPgBouncer();
  if (program === undefined) throw new Error('There is no PgBouncer here.');
  const server = new URL(databaseUrl);
  const port = await freePort();
  const folder = await keeper.folder('chat-api-pgbouncer');
  const account = accountToUse();
  if (account) chownSync(folder, account.uid, account.gid);
  const upstream = { host: server.hostname, port: server.port || '5432', user: server.username };
  const password = server.password && ` password='${decodeURIComponent(server.password)}'`;
  await writeFile(
    join(folder, 'pgbouncer.ini'),
    `[databases]\n* = ${assignments(upstream).join(' ')}${password}\n[pgbouncer]\n${assignments({
      listen_addr: '127.0.0.1',
      listen_port: String(port),
      unix_socket_dir: '',
      auth_type: 'any',
      ...settings,
    }).join('\n')}\n`,
  );
  const log = openSync(join(folder, 'pgbouncer.log'), 'a');
  const child: ChildProcess = spawn(program, [join(folder, 'pgbouncer.ini')], {
    ...account,
    cwd: folder,
    stdio: ['ignore', log, log],
  });
  keeper.process(child);
  const url = Object.assign(new URL(databaseUrl), { host: `127.0.0.1:${port}`, password: '' });
  await waitUntil('The start of a PgBouncer', START_BOUND_MS, async () => {
    if (child.exitCode !== null) throw new Error(`It ended with exit code ${child.exitCode}; see ${folder}.`);
    const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 2000 });
    await client.connect();
    await client.end();
    return true;
  });
  return url.href;
}

function assignments(values: Record<string, string>): string[] {
  return Object.entries(values).map(([name, value]) => `${name} = ${value}`);
}

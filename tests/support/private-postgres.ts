import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './free-port.js';
import type { Keeper } from './keeper.js';
import { type Account, accountToUse } from './server-account.js';
import { folderWith, postgresFolders } from './server-program.js';
import { waitUntil } from './wait-until.js';

const run = promisify(execFile);
const ADVICE = 'Install PostgreSQL 15 or newer (Debian: apt install postgresql); it need not be running.';
const START_BOUND_MS = 30_000;

/**
 * A PostgreSQL server for one test, from the machine's programs, on a free port and in a temporary folder. fsync is on: the test may
 * crash it, and acknowledged commits must survive.
 */
export class PrivatePostgres {
  private server: ChildProcess | undefined;

  private constructor(
    private readonly keeper: Keeper,
    private readonly programs: string,
    private readonly folder: string,
    private readonly account: Account,
    readonly port: number,
  ) {}

  /** Resolves when it takes connections. @throws MissingProgramError when the machine has no PostgreSQL. */
  static async start(keeper: Keeper): Promise<PrivatePostgres> {
    const programs = folderWith(['initdb', 'postgres'], postgresFolders(), ADVICE);
    const account = accountToUse();
    const folder = await keeper.folder('chat-api-postgres');
    if (account) chownSync(folder, account.uid, account.gid);
    // Only initdb runs without fsync.
    const options = ['--pgdata', join(folder, 'data'), '--username=postgres', '--auth=trust', '--encoding=UTF8'];
    await run(join(programs, 'initdb'), [...options, '--locale=C', '--no-sync'], { ...account, cwd: folder });
    const postgres = new PrivatePostgres(keeper, programs, folder, account, await freePort());
    await postgres.restart();
    return postgres;
  }

  /** Of the running server. */
  get pid(): number {
    const pid = this.server?.pid;
    if (pid === undefined) throw new Error('The private PostgreSQL does not run.');
    return pid;
  }

  url(database = 'postgres'): string {
    return `postgresql://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** Starts the server again after a crash. Resolves when it takes connections; recovery is over then. */
  async restart(): Promise<void> {
    const { folder } = this;
    const log = openSync(join(folder, 'postgres.log'), 'a');
    const settings = {
      port: this.port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: folder,
      fsync: 'on',
      max_connections: 60,
      // By default recovery first syncs every file of the cluster one by one, which takes seconds.
      ...(process.platform === 'linux' && { recovery_init_sync_method: 'syncfs' }),
    };
    const set = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const server = spawn(join(this.programs, 'postgres'), ['-D', join(folder, 'data'), ...set], {
      ...this.account,
      cwd: folder,
      stdio: ['ignore', log, log],
    });
    this.server = server;
    // SIGQUIT, because SIGKILL would leave its shared memory behind.
    this.keeper.process(server, 'SIGQUIT');
    await waitUntil('The start of a private PostgreSQL', START_BOUND_MS, async () => {
      if (server.exitCode !== null) throw new Error(`It ended with exit code ${server.exitCode}; see ${folder}.`);
      await this.query('SELECT 1');
      return true;
    });
  }

  /**
   * Stops the server as `pg_ctl -m immediate` does: no checkpoint, and recovery from the WAL at the next start. Resolves when the
   * process has ended. https://www.postgresql.org/docs/current/server-shutdown.html
   */
  async crash(): Promise<void> {
    await this.signal('SIGQUIT');
  }

  /** Stops the server and its backends (SIGSTOP) until `thaw`. Connections stay open. */
  freeze(): void {
    for (const pid of this.processIds()) process.kill(pid, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of this.processIds()) process.kill(pid, 'SIGCONT');
  }

  /** Ends the backends of the applications with this name; returns how many. */
  async terminateBackends(applicationName: string): Promise<number> {
    const sql = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1';
    return (await this.query(sql, [applicationName])).length;
  }

  /** One statement on a connection of its own. */
  async query<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = [], database?: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.url(database), connectionTimeoutMillis: 2000 });
    // If the server stops, the statement fails. The client's error event needs a listener, or it would end this process.
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query<Row>(sql, values)).rows;
    } finally {
      await client.end().catch(() => {});
    }
  }

  /**
   * Holds a transaction with an id open for so long, and ends it with this statement and COMMIT. Until then `pg_snapshot_xmin` is not above
   * that id.
   * @throws Error when the server stops meanwhile
   */
  async holdTransaction(database: string, forMs: number, last = 'SELECT 1', values: unknown[] = []): Promise<void> {
    const client = new pg.Client({ connectionString: this.url(database), connectionTimeoutMillis: 2000 });
    client.on('error', () => {});
    await client.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT pg_current_xact_id()');
      await sleep(forMs);
      await client.query(last, values);
      await client.query('COMMIT');
    } finally {
      await client.end().catch(() => {});
    }
  }

  private async signal(signal: NodeJS.Signals): Promise<void> {
    const { server } = this;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  }

  private processIds(): number[] {
    const postmaster = this.server?.pid;
    if (postmaster === undefined) return [];
    const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(postmaster)], { encoding: 'utf8' });
    return [postmaster, ...children.split('\n').filter(Boolean).map(Number)];
  }
}

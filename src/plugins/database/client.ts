import { Socket } from 'node:net';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { DATABASE_TIMEOUT_MS, type Database } from '../../domain/database.js';
import { PrismaClient } from '../../generated/prisma/client.js';
import { checkSession, prepareSession } from './session.js';

/** The domain's database, with the calls that only its owner makes. */
export interface OpenDatabase extends Database {
  /**
   * Checks that no pooler shares sessions between connections. Uses two connections, since a pooler may hand out sessions in
   * rotation or prefer the one used last.
   * @throws DatabaseSessionError when it does
   */
  checkSessions(): Promise<void>;
  /** Waits for running queries, then closes every connection. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  url: string;
  embedded: boolean;
  /** A connection without traffic for so long is closed, in milliseconds; a running query then fails. */
  socketTimeoutMs?: number;
  /** Called when an idle connection breaks. The pool replaces it. */
  onConnectionLost?: (error: Error) => void;
}

const SOCKET_TIMEOUT_MS = 20_000;

/**
 * Creates the pool; the first query opens the first connection.
 *
 * No query hangs. It fails after 2 s without a connection (10 s embedded, where only the queue can cause the wait), after 15 s
 * of work in PostgreSQL, and after 20 s without an answer.
 */
export function createDatabase(options: DatabaseOptions): OpenDatabase {
  const { url, embedded, socketTimeoutMs = SOCKET_TIMEOUT_MS, onConnectionLost = () => {} } = options;
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: embedded ? 10_000 : DATABASE_TIMEOUT_MS,
    stream: () => socketWithTimeout(socketTimeoutMs),
    // Shorter than the socket's own time-out.
    idleTimeoutMillis: 0.75 * socketTimeoutMs,
    keepAlive: true,
    ...(embedded
      ? {}
      : {
          application_name: 'chat-api',
          onConnect: (client: pg.ClientBase) =>
            prepareSession(client, { statementTimeoutMs: 15_000, scope: 'connection' }),
        }),
  });
  // Without listeners a broken connection would end the process. The pool emits the errors of idle connections; of one in use
  // the query fails.
  pool.on('error', onConnectionLost);
  pool.on('connect', (client) => client.on('error', () => {}));
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool, embedded ? {} : { statementNameGenerator: statementNames() }),
  });
  return {
    prisma,
    pool,
    namedStatements: !embedded,
    async checkSessions() {
      if (embedded) return;
      const first = await pool.connect();
      try {
        const { rows } = await first.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        // Directly connected: a pooler would have sent a process id of its own at the start.
        if (rows[0]?.pid === Reflect.get(first, 'processID')) return;
        await checkSession(first);
        (await pool.connect()).release();
        await checkSession(first);
      } finally {
        first.release();
      }
    },
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

/** A socket that closes when it is idle for so long. One timer per connection costs less than one per query: see `domain/database.ts`. */
function socketWithTimeout(socketTimeoutMs: number): Socket {
  const socket = new Socket();
  socket.setTimeout(socketTimeoutMs, () => {
    const timeout = new Error(`The database sent nothing for ${socketTimeoutMs} ms.`);
    // A socket that we have ended only waits for the other side's FIN: no error.
    socket.destroy(socket.writableEnded ? undefined : Object.assign(timeout, { code: 'ETIMEDOUT' }));
  });
  return socket;
}

/**
 * Names prepared statements, so that PostgreSQL plans each once per connection. Statements vary with the length of their
 * lists, so only the first 300 get a name. An empty name means an unnamed statement.
 */
function statementNames(): (query: { sql: string }) => string {
  const names = new Map<string, string>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined) return known;
    if (names.size >= 300) return '';
    const name = `prisma_${names.size}`;
    names.set(sql, name);
    return name;
  };
}

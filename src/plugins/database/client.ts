import { Socket } from 'node:net';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { DATABASE_PATIENCE_MS, type Database } from '../../domain/database.js';
import { PrismaClient } from '../../generated/prisma/client.js';
import { SESSION_SETTINGS } from './session-settings.js';

/** The domain's database, and its end. */
export interface OpenDatabase extends Database {
  /** Waits for the queries under way and ends every connection. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  url: string;
  embedded: boolean;
  /** How long a connection in use may be without a byte, in milliseconds. */
  silenceMs?: number;
  /** Told of a connection that broke while idle. The pool replaces it; nothing needs to be done. */
  onConnectionLost?: (error: Error) => void;
}

const SILENCE_MS = 20_000;

/**
 * Opens nothing yet: the first query makes the first connection.
 *
 * A query fails and does not hang: after 2 s without a connection (10 s in the embedded queue, which cannot be away),
 * after 15 s of work in PostgreSQL, after 20 s without an answer.
 */
export function createDatabase(options: DatabaseOptions): OpenDatabase {
  const { url, embedded, silenceMs = SILENCE_MS, onConnectionLost = () => {} } = options;
  const pool = new pg.Pool({
    connectionString: embedded ? url : withSettings(url),
    max: 10,
    connectionTimeoutMillis: embedded ? 10_000 : DATABASE_PATIENCE_MS,
    stream: () => attentiveSocket(silenceMs),
    // Before the silence ends it.
    idleTimeoutMillis: 0.75 * silenceMs,
    keepAlive: true,
    ...(embedded ? {} : { application_name: 'chat-api', statement_timeout: 15_000 }),
  });
  // Without a listener, a connection that breaks would end the process: an idle one here, and one in use there, where its
  // query hears of it.
  pool.on('error', onConnectionLost);
  pool.on('connect', (client) => client.on('error', () => {}));
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool, embedded ? {} : { statementNameGenerator: statementNames() }),
  });
  return {
    prisma,
    pool,
    namedStatements: !embedded,
    async close() {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

/** A connection that ends when nothing moves. One timer each, and not one for each query: see `domain/database.ts`. */
function attentiveSocket(silenceMs: number): Socket {
  const socket = new Socket();
  socket.setTimeout(silenceMs, () => {
    const silence = new Error(`The database said nothing for ${silenceMs} ms.`);
    // One that we have ended only waits for the other side's end, and nobody for it.
    socket.destroy(socket.writableEnded ? undefined : Object.assign(silence, { code: 'ETIMEDOUT' }));
  });
  return socket;
}

/** What the URL sets itself comes first, and ours is what holds. */
function withSettings(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  const ours = Object.entries(SESSION_SETTINGS).map(([name, value]) => `-c ${name}=${value}`);
  const options = [parsed.searchParams.get('options') ?? '', ...ours];
  parsed.searchParams.set('options', options.join(' ').trim());
  return parsed.href;
}

/**
 * Names statements, so that PostgreSQL plans each once per connection. Texts vary with the length of their lists, so only
 * the first 300 get a name; an empty name means an unnamed statement.
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

import { connect } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type OpenDatabase } from '../../../src/plugins/database/client.js';
import { type Embedded, startEmbedded } from '../../../src/plugins/database/embedded.js';

const mebibyte = 'x'.repeat(1 << 20);

describe('the one session of the embedded database', { timeout: 60_000 }, () => {
  let embedded: Embedded;
  let database: OpenDatabase;
  beforeAll(async () => {
    embedded = await startEmbedded();
    database = createDatabase({ url: embedded.url, embedded: true });
    await database.pool.query('CREATE TABLE counter (id int PRIMARY KEY, n int NOT NULL)');
  });
  afterAll(async () => {
    await database.close();
    await embedded.close();
  });

  it('answers every connection its own query: large parameters, errors and small queries together', async () => {
    const answers = await Promise.all(
      Array.from({ length: 90 }, (_, i) => {
        if (i % 3 === 0) return value(`SELECT length($1::text) + ${i}`, [mebibyte]);
        if (i % 3 === 1) return value(`SELECT $1::int / 0 + ${i}`, [i]).catch((error: Error) => error.message);
        return value(`SELECT $1::int + ${i}`, [i]);
      }),
    );
    const expected = answers.map((_, i) => [(1 << 20) + i, 'division by zero', 2 * i][i % 3]);
    expect(answers).toEqual(expected);
  });

  it('takes a parameter of 16 MiB', async () => {
    expect(await value('SELECT length($1::text)', ['x'.repeat(1 << 24)])).toBe(1 << 24);
  });

  it('keeps transactions apart, so that a row lock counts every increment', async () => {
    await database.pool.query('INSERT INTO counter VALUES (1, 0)');
    await Promise.all(
      Array.from({ length: 25 }, () =>
        database.prisma.$transaction(
          async (tx) => {
            const [row] = await tx.$queryRaw<{ n: number }[]>`SELECT n FROM counter WHERE id = 1 FOR UPDATE`;
            await tx.$executeRaw`UPDATE counter SET n = ${(row?.n ?? 0) + 1} WHERE id = 1`;
          },
          { maxWait: 20_000 },
        ),
      ),
    );
    expect(await value('SELECT n FROM counter WHERE id = 1')).toBe(25);
  });

  it('runs PL/pgSQL', async () => {
    await database.pool.query(
      'CREATE FUNCTION total(numbers int[]) RETURNS int LANGUAGE plpgsql AS $$ DECLARE sum int := 0; n int; ' +
        'BEGIN FOREACH n IN ARRAY numbers LOOP sum := sum + n; END LOOP; RETURN sum; END; $$',
    );
    expect(await value('SELECT total($1)', [[1, 2, 3]])).toBe(6);
  });

  it('undoes the transaction of a connection that is lost in the middle, and goes on', async () => {
    const lost = new pg.Client({ connectionString: embedded.url });
    lost.on('error', () => {});
    await lost.connect();
    await lost.query('BEGIN');
    await lost.query('INSERT INTO counter VALUES (2, 0)');
    const waiting = value('SELECT count(*)::int FROM counter WHERE id = 2');
    lost.connection.stream.destroy();
    expect(await waiting).toBe(0);
  });

  it('goes on when a connection is lost in the middle of an extended query, after an error too', async () => {
    for (const sql of ['SELECT 1', 'SELECT missing()']) {
      const socket = connect(join(new URL(embedded.url).searchParams.get('host') ?? '', '.s.PGSQL.5432'));
      await new Promise((resolve) => socket.once('data', resolve).write(startupMessage()));
      await new Promise((resolve) => socket.once('data', resolve).write(parseMessage(sql)));
      const waiting = value('SELECT 7');
      socket.destroy();
      expect(await waiting).toBe(7);
    }
  });

  async function value(sql: string, parameters: unknown[] = []): Promise<unknown> {
    const { rows } = await database.pool.query<unknown[]>({ text: sql, values: parameters, rowMode: 'array' });
    return rows[0]?.[0];
  }
});

/** https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-STARTUPMESSAGE */
function startupMessage(): Buffer {
  const body = Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1');
  return Buffer.concat([length(body), body]);
}

/** https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-PARSE and a Flush */
function parseMessage(sql: string): Buffer {
  const body = Buffer.from(`\0${sql}\0\0\0`, 'latin1');
  return Buffer.concat([Buffer.from('P'), length(body), body, Buffer.from('H\0\0\0\x04', 'latin1')]);
}

function length(body: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(body.length + 4);
  return bytes;
}

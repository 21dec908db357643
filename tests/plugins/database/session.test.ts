import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientError } from '../../../src/domain/database.js';
import { createDatabase } from '../../../src/plugins/database/client.js';
import { applyMigrations } from '../../../src/plugins/database/migrations.js';
import { prepareSession } from '../../../src/plugins/database/session.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../../support/database.js';
import { testDatabaseSource } from '../../support/test-database-source.js';

describe.runIf(testDatabaseSource().kind === 'postgres')('the session of a connection', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
    const client = new pg.Client({ connectionString: test.url });
    await client.connect();
    const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
    const database = client.escapeIdentifier(rows[0]?.name ?? '');
    for (const setting of [
      `DateStyle = 'SQL, DMY'`,
      `timezone = 'Asia/Kolkata'`,
      `search_path = 'pg_catalog'`,
      'synchronous_commit = off',
      `statement_timeout = '1s'`,
    ])
      await client.query(`ALTER DATABASE ${database} SET ${setting}`);
    await client.end();
  });
  afterAll(() => test.drop());

  it('is what the service needs, whatever the settings of the database are', async () => {
    const db = createDatabase({ url: test.url, embedded: false });
    await db.checkSessions();
    const names = ['DateStyle', 'TimeZone', 'search_path', 'synchronous_commit', 'statement_timeout'];
    const { rows } = await db.pool.query(
      `SELECT ${names.map((name) => `current_setting('${name}') AS "${name}"`).join(', ')}`,
    );
    expect(rows).toEqual([
      {
        DateStyle: 'ISO, MDY',
        TimeZone: 'UTC',
        search_path: 'public',
        synchronous_commit: 'on',
        statement_timeout: '15s',
      },
    ]);
    await db.close();
  });

  it('that the database refuses, and a host that has no address, are away', async () => {
    for (const url of ['postgresql://x@chat.invalid/x', 'postgresql://postgres@127.0.0.1:5432/no_such_database']) {
      const db = createDatabase({ url, embedded: false });
      for (const ask of [() => db.pool.query('SELECT 1'), () => db.prisma.user.count()]) {
        const error = await ask().catch((reason: unknown) => reason);
        expect(clientError(error)).toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
      }
      await db.close();
    }
  });
});

it('a server that is too old is named, with what is needed', async () => {
  // None runs here, so its answer is given instead.
  const old = (answer: object) => Object.assign(new pg.Client(), { query: async () => answer });
  await expect(
    prepareSession(old({ rows: [{ mark: null, version: 140_019, encoding: 'UTF8' }] }), {
      statementTimeoutMs: 0,
      scope: 'connection',
    }),
  ).rejects.toMatchObject({ message: 'The service needs PostgreSQL 15 or newer, and this one is 14.' });
});

it.runIf(testDatabaseSource().kind === 'postgres').each(['LATIN1', 'SQL_ASCII'])(
  'a database whose encoding is %s is refused in one sentence, before anything is made in it (on a server alone)',
  async (encoding) => {
    const test = await createEmptyDatabase(`ENCODING '${encoding}' LOCALE 'C'`);
    const refusal = {
      code: 'DATABASE_SESSION',
      message:
        `The service needs a database whose encoding is UTF8, and this one is ${encoding}: make another one ` +
        `(CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8').`,
    };
    await expect(applyMigrations(test.url)).rejects.toMatchObject(refusal);
    const db = createDatabase(test);
    await expect(db.pool.query('SELECT 1')).rejects.toMatchObject(refusal);
    await db.close();
    await test.drop();
  },
);

describe('an error of the database', () => {
  it('is that it is away, unless PostgreSQL answered our statement', () => {
    const coded = (code: string) => Object.assign(new Error('no'), { code });
    const away = [
      'EAI_AGAIN',
      'ENETUNREACH',
      'EHOSTDOWN',
      'ECONNABORTED',
      'EMFILE',
      'CERT_HAS_EXPIRED',
      '28P01',
      '3D000',
    ];
    for (const code of [...away, '53100', '58030', '40P01', '55P03', 'DATABASE_SESSION'])
      expect([code, clientError(coded(code))?.code]).toEqual([code, 'SERVICE_UNAVAILABLE']);
    expect(clientError(new AggregateError([coded('ENETUNREACH')]))?.code).toBe('SERVICE_UNAVAILABLE');
    for (const code of ['23505', '42P01', '22P02', 'P2002', 'ERR_INVALID_ARG_TYPE'])
      expect([code, clientError(coded(code))]).toEqual([code, undefined]);
  });
});

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase } from '../../../src/plugins/database/client.js';
import { applyMigrations } from '../../../src/plugins/database/migrations.js';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../../support/database.js';
import { Keeper } from '../../support/keeper.js';
import { manage } from '../../support/manage.js';
import { findPgBouncer, startPgBouncer } from '../../support/private-pgbouncer.js';
import { Service } from '../../support/service.js';
import { PASSWORD } from '../../support/services.js';
import { testDatabaseSource } from '../../support/test-database-source.js';

const onServer = testDatabaseSource().kind === 'postgres';
const title = 'Behind PgBouncer (skipped without a PostgreSQL server and a pgbouncer)';

describe.skipIf(!onServer || findPgBouncer() === undefined)(title, { timeout: 60_000 }, () => {
  let keeper: Keeper;
  let database: TestDatabase;
  beforeAll(async () => {
    keeper = new Keeper();
    database = await createTestDatabase();
  });
  afterAll(async () => {
    await keeper.close();
    await database.drop();
  });

  it('with its defaults an empty database is migrated, and the service works on it, several connections at once', async () => {
    const empty = await createEmptyDatabase();
    const url = await startPgBouncer(keeper, empty.url);
    const service = await Service.start({ ...empty, url });
    const { users, clients } = service.app.services;
    await users.create({ username: 'ann', password: PASSWORD, role: 'admin' });
    const { client, secret } = await clients.create({ name: 'App', grants: ['password', 'refresh_token'] });
    const credentials = { client_id: client.id, client_secret: secret ?? '' };
    const { body } = await service.token({ username: 'ann', password: PASSWORD, ...credentials });
    const create = (name: string) =>
      service.query(String(body.access_token), `mutation { createChat(name: "${name}") { name } }`);
    const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => create(`room ${index}`)));
    expect(answers.map(({ data }) => data)).toEqual(
      Array.from({ length: 30 }, (_, index) => ({ createChat: { name: `room ${index}` } })),
    );
    await service.close();
    // The next connection gets a session that another has left.
    const again = createDatabase({ url, embedded: false });
    await again.checkSessions();
    expect(await again.prisma.chat.count()).toBe(30);
    await again.close();
    await keeper.close();
    keeper = new Keeper();
    await empty.drop();
  });

  it.each([
    ['pools transactions', { pool_mode: 'transaction' }],
    ['pools transactions and gives its sessions out in turn', { pool_mode: 'transaction', server_round_robin: '1' }],
    ['pools statements', { pool_mode: 'statement' }],
    ['keeps what a session was set to for the next connection', { server_reset_query: '' }],
  ])('one that %s is refused with a sentence that says what to set', async (_, settings) => {
    const url = await startPgBouncer(keeper, database.url, settings);
    await fillWithSessions(url);
    const environment = { PATH: process.env.PATH ?? '', DATABASE_URL: url, REDIS_URL: '' };
    const run = () => manage({ environment, folder: import.meta.dirname }, ['cleartokens']);
    // Where sessions stay as they were left, the first to come finds nothing.
    if ('server_reset_query' in settings) await run();
    const { code, stderr } = await run();
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^DATABASE_URL leads to a pooler .* \(PgBouncer: pool_mode = session, .*\n$/),
    });
  });

  it('migrations run in one session and leave nothing in it, even where it pools transactions', async () => {
    const empty = await createEmptyDatabase();
    const url = await startPgBouncer(keeper, empty.url, { pool_mode: 'transaction', server_round_robin: '1' });
    await fillWithSessions(url);
    expect(await applyMigrations(url)).not.toEqual([]);
    // The engine's lock would stop this one, in another session, for ever.
    expect(await applyMigrations(url)).toEqual([]);
    const db = new pg.Pool({ connectionString: empty.url, max: 1 });
    const { rows } = await db.query(
      `SELECT count(*)::int AS held FROM pg_locks JOIN pg_database d ON d.oid = database
       WHERE locktype = 'advisory' AND datname = current_database()`,
    );
    expect(rows).toEqual([{ held: 0 }]);
    await db.end();
    await keeper.close();
    keeper = new Keeper();
    await empty.drop();
  });
});

/** Several sessions that wait at the pooler for whoever comes. */
async function fillWithSessions(url: string): Promise<void> {
  const clients = Array.from({ length: 4 }, () => new pg.Client({ connectionString: url }));
  await Promise.all(clients.map((client) => client.connect()));
  await Promise.all(clients.map((client) => client.query('SELECT pg_sleep(0.05)')));
  await Promise.all(clients.map((client) => client.end()));
}

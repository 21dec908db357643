import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConfiguredDatabase, configureDatabase } from '../support/configured-database.js';
import { createTestDatabase } from '../support/database.js';
import { freePort } from '../support/free-port.js';
import { manage } from '../support/manage.js';
import { testDatabaseSource } from '../support/test-database-source.js';

let database: ConfiguredDatabase;
let port: string;
beforeAll(async () => {
  database = await configureDatabase({ prepared: true });
  port = String(await freePort());
});
afterAll(() => database.remove());

const doctor = (more: Record<string, string> = {}) => manage(database, ['doctor'], { PORT: port, ...more });

/** Its lines as [level, sentence]. */
function findings(stdout: string): string[][] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/: (.*)/s).slice(0, 2));
}

describe('manage doctor', { timeout: 120_000 }, () => {
  it('says of a database without an admin what to do, changes nothing, and is content once it is done', async () => {
    const first = await doctor();
    expect(first).toMatchObject({ code: 0, stderr: '' });
    const isEmpty = /^warning: The database is empty: the first start migrates it\.$/m.test(first.stdout);
    if (isEmpty) expect((await doctor()).stdout).toContain('The database is empty');
    await manage(database, ['createsuperuser', '--username', 'ann', '--password', 'correct horse battery']);
    const after = await doctor();
    expect(after.code).toBe(0);
    expect(after.stdout).toMatch(/^ok: The schema is the newest, \d{14}_\w+\.$/m);
    expect(after.stdout).toMatch(/^ok: There are 1 admins who can sign in\.$/m);
    expect(after.stdout).toMatch(/^ok: Nothing listens on port \d+ of 127\.0\.0\.1/m);
    for (const [level, sentence] of findings(after.stdout)) {
      expect(['ok', 'warning', 'problem']).toContain(level);
      expect(sentence).toMatch(/^\S.*[.]$/);
    }
  });

  it('names every wrong setting', async () => {
    const { code, stdout, stderr } = await doctor({ PORT: 'eighty', LOG_LEVEL: 'loud' });
    expect([code, stderr]).toEqual([1, 'Problems: 2.\n']);
    expect(stdout).toMatch(/^problem: PORT must be .*$/m);
    expect(stdout).toMatch(/^problem: LOG_LEVEL must be .*$/m);
  });

  it('says that a server cannot be reached, and goes on to the others', async () => {
    const closed = await freePort();
    const { code, stdout } = await doctor({
      DATABASE_URL: `postgresql://chat:secret@127.0.0.1:${closed}/chat`,
      REDIS_URL: `redis://:secret@127.0.0.1:${closed}`,
    });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^problem: Cannot connect to the database at 127\.0\.0\.1:\d+\/chat: .*\.$/m);
    expect(stdout).toMatch(/^problem: Redis cannot be used \(.*\): check REDIS_URL, .*\.$/m);
    expect(stdout).not.toContain('secret');
  });

  it.runIf(testDatabaseSource().kind === 'postgres')('counts the connections that all workers open', async () => {
    const redis = { REDIS_URL: `redis://127.0.0.1:${await freePort()}` };
    const { stdout } = await doctor({ ...redis, WORKERS: '64' });
    expect(stdout).toMatch(
      /^warning: \d+ of \d+ connections are in use, and 64 workers open up to 640: raise max_connections\.$/m,
    );
    expect((await doctor(redis)).stdout).not.toContain('max_connections');
  });

  it('says that another program has the port', async () => {
    const { createServer } = await import('node:net');
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const address = other.address();
    const taken = typeof address === 'object' && address ? address.port : 0;
    other.on('connection', (socket) => socket.end('no HTTP'));
    const { code, stdout } = await doctor({ PORT: String(taken) });
    other.close();
    expect(code).toBe(1);
    expect(stdout).toContain(`problem: Another program listens on port ${taken} of 127.0.0.1.`);
  });

  it('warns of a database that a newer version has migrated', async () => {
    const newer = await createTestDatabase();
    const pg = await import('pg');
    const client = new pg.default.Client({ connectionString: newer.url });
    await client.connect();
    await client.query(`INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at)
      VALUES ('x', 'x', '99991231000000_later', now())`);
    await client.end();
    const { stdout } = await doctor(newer.embedded ? { DATABASE_URL: newer.url } : { DATABASE_URL: newer.url });
    await newer.drop();
    expect(stdout).toMatch(/^warning: The database was migrated by a newer version of the service \(1 migrations\)/m);
  });
});

describe('manage support-bundle', { timeout: 120_000 }, () => {
  it('has settings without secrets, versions, findings and the last log lines, for its owner alone', async () => {
    const log = join(database.folder, 'chat.log');
    const written = Array.from({ length: 1500 }, (_, line) => `{"line":${line}}\n`);
    await writeFile(
      log,
      [...written, '  password         what-was-printed\n', 'to postgresql://chat:of-the-url@db/chat\n'].join(''),
    );
    const output = join(database.folder, 'bundle.txt');
    const secrets = {
      ADMIN_PASSWORD: 'a secret password',
      OAUTH_CLIENT_ID: 'web',
      OAUTH_CLIENT_SECRET: 'a client secret',
      METRICS_TOKEN: 'a-metrics-token',
      OIDC_ACME_ISSUER: 'https://id.example',
      OIDC_ACME_CLIENT_ID: 'chat-at-acme',
      OIDC_ACME_CLIENT_SECRET: 'a provider secret',
    };
    const args = ['support-bundle', '--output', output, '--log', log];
    expect(await manage(database, args, { PORT: port, ...secrets })).toMatchObject({ code: 0, stderr: '' });
    const text = await readFile(output, 'utf8');
    expect((await stat(output)).mode & 0o777).toBe(0o600);
    for (const secret of [
      'secret password',
      'client secret',
      'metrics-token',
      'provider secret',
      'was-printed',
      'of-the',
    ])
      expect(text).not.toContain(secret);
    expect(text).toContain('OIDC_ACME_CLIENT_ID=chat-at-acme');
    expect(text).toContain('ADMIN_PASSWORD=set, not shown');
    expect(text).toMatch(/^chat-api \d/m);
    expect(text).toContain('{"line":1499}');
    expect(text).not.toContain('{"line":499}');
    expect(text).toContain('The service does not run on this machine.');
    const again = await manage(database, args, { PORT: port, ...secrets });
    expect(again.stderr).toContain('is there already');
  });

  it('reads the end of a large log', async () => {
    const log = join(database.folder, 'large.log');
    await writeFile(log, `{"line":"first"}\n${`${'x'.repeat(1000)}\n`.repeat(20_000)}{"line":"last"}\n`);
    const output = join(database.folder, 'large.txt');
    expect(await manage(database, ['support-bundle', '--output', output, '--log', log], { PORT: port })).toMatchObject({
      code: 0,
    });
    const text = await readFile(output, 'utf8');
    expect(text).toContain('{"line":"last"}');
    expect(text).not.toContain('{"line":"first"}');
  });

  it('says which log it cannot read', async () => {
    await mkdir(join(database.folder, 'folder'));
    const args = ['support-bundle', '--output', join(database.folder, 'other.txt'), '--log', 'folder'];
    expect((await manage(database, args)).stderr).toContain('The log folder cannot be read');
  });
});

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import Fastify from 'fastify';
import { expect, it } from 'vitest';
import { ConfigError } from '../../src/config/config.js';
import { readDeployment } from '../../src/domain/deployment.js';
import { describeStartError } from '../../src/operator/start-error.js';
import { createDatabase } from '../../src/plugins/database/client.js';
import { createTestDatabase } from '../support/database.js';

const ADDRESS = { host: '127.0.0.1', port: 8000 };

it('says what is wrong with the configuration, a line each', () => {
  expect(describeStartError(new ConfigError(['One.', 'Two.']), ADDRESS)).toBe('One.\nTwo.');
});

it('says in one sentence that the port is taken, and what to do', async () => {
  const [first, second] = [createServer(), createServer()];
  first.listen(0, '127.0.0.1');
  await once(first, 'listening');
  const address = first.address();
  if (address === null || typeof address === 'string') throw new Error('There is no port.');
  const failed = once(second, 'error');
  second.listen(address.port, '127.0.0.1');
  const [error] = await failed;
  expect(describeStartError(error, { host: '127.0.0.1', port: address.port })).toBe(
    `Another program listens on port ${address.port} of 127.0.0.1. Stop it, or set PORT to another number.`,
  );
  first.close();
});

it.each([
  ['ENOTFOUND', 'There is no host of the name nowhere.invalid. Set HOST to an address of this machine.'],
  [
    'EAI_AGAIN',
    'The name nowhere.invalid could not be looked up for now. Set HOST to an IP address of this machine, or try again.',
  ],
])('says in one sentence that HOST has no address, and what to do: %s', (code, text) => {
  const error = Object.assign(new Error(`getaddrinfo ${code} nowhere.invalid`), { code, syscall: 'getaddrinfo' });
  expect(describeStartError(error, { ...ADDRESS, host: 'nowhere.invalid' })).toBe(text);
});

it.each([
  [{ message: 'could not write: no space left on device' }, 'could not write: no space left on device'],
  [{ code: 28 }, '{"code":28}'],
  ['a text', 'a text'],
  [undefined, 'undefined'],
])('says what was thrown when it is no Error: %j', (thrown, text) => {
  expect(describeStartError(thrown, ADDRESS)).toBe(`The service could not start: ${text}`);
});

it('shows the stack of what is our fault', () => {
  expect(describeStartError(new TypeError('x is not a function'), ADDRESS)).toContain('start-error.test');
});

it('says what to look at when a part of the service was not ready in time, and not what a library calls it', async () => {
  const app = Fastify({ pluginTimeout: 20 });
  const error = await app.register(async () => new Promise(() => {})).then(undefined, (reason: unknown) => reason);
  expect(describeStartError(error, ADDRESS)).toBe(
    'The service could not start: the database or Redis did not answer for two minutes. ' +
      'Look whether both can be reached and have time, then start it again.',
  );
  await app.close();
});

it('says in one sentence that the row of the deployment is missing, and what to do', async () => {
  const test = await createTestDatabase();
  const db = createDatabase(test);
  await db.pool.query('DELETE FROM deployment');
  const error = await readDeployment(db).catch((reason: unknown) => reason);
  expect(describeStartError(error, ADDRESS)).toBe(
    'The table "deployment" of the database has no row: restore it from a backup, or run the INSERT of ' +
      'prisma/migrations/20261129180000_init/migration.sql.',
  );
  const path = '../../prisma/migrations/20261129180000_init/migration.sql';
  const [insert] = /INSERT INTO [^;]*;/.exec(await readFile(new URL(path, import.meta.url), 'utf8')) ?? [];
  await db.pool.query(insert ?? '');
  expect(await readDeployment(db)).toMatchObject({ scope: expect.stringMatching(/^.{22}$/) });
  await db.close();
  await test.drop();
});

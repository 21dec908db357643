import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig, shownConfig } from '../../src/config/config.js';

let folder: string;
const path = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chat-secrets-'));
  await writeFile(path('database'), 'postgresql://chat:secret@db/chat\n');
  await writeFile(path('password'), 'correct horse ');
  await writeFile(path('provider'), 'from the provider\r\n');
  await writeFile(path('empty'), '\n');
});
afterAll(() => rm(folder, { recursive: true }));

it('secrets are read from files, without the line break at their end', () => {
  const environment = {
    DATABASE_URL_FILE: path('database'),
    ADMIN_PASSWORD_FILE: path('password'),
    OIDC_ACME_ISSUER: 'https://id.example',
    OIDC_ACME_CLIENT_ID: 'chat',
    OIDC_ACME_CLIENT_SECRET_FILE: path('provider'),
  };
  const config = loadConfig(environment, folder);
  expect(config.databaseUrl).toBe('postgresql://chat:secret@db/chat');
  expect(config.admin.password).toBe('correct horse ');
  expect(config.externalProviders).toMatchObject([{ clientSecret: 'from the provider' }]);
  expect(shownConfig(environment, folder).join('\n')).not.toMatch(/secret@|correct horse|from the provider/);
});

it('a file that cannot be used is named, and so is a secret that is given twice', () => {
  const environment = {
    METRICS_TOKEN_FILE: path('nowhere'),
    ADMIN_PASSWORD_FILE: path('empty'),
    REDIS_URL: 'redis://localhost',
    REDIS_URL_FILE: path('database'),
  };
  expect(() => loadConfig(environment, folder)).toThrow(
    [
      `The file ${path('nowhere')} of METRICS_TOKEN_FILE cannot be read (ENOENT).`,
      `The file ${path('empty')} of ADMIN_PASSWORD_FILE is empty.`,
      'REDIS_URL and REDIS_URL_FILE are both set: set one of them.',
    ].join('\n'),
  );
});

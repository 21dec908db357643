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
  expect(shownConfig(environment, folder).lines.join('\n')).not.toMatch(/secret@|correct horse|from the provider/);
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

it('a secret that was put in the place of a path is not shown', () => {
  const environment = { DATABASE_URL_FILE: 'postgresql://chat:secret@db/chat', METRICS_TOKEN_FILE: 'dG9rZW4=' };
  expect(() => loadConfig(environment, folder)).toThrow(
    ['DATABASE_URL_FILE', 'METRICS_TOKEN_FILE']
      .map(
        (name) =>
          `The file that ${name} names cannot be read (ENOENT): its value must be the path of a file, not the secret itself.`,
      )
      .join('\n'),
  );
});

it('the file of a provider with a word of its own may be named in .env', async () => {
  const lines = [
    'OIDC_ACME_ISSUER=https://id.example',
    'OIDC_ACME_CLIENT_ID=chat',
    `OIDC_ACME_CLIENT_SECRET_FILE=${path('provider')}`,
  ];
  await writeFile(path('.env'), `${lines.join('\n')}\n`);
  expect(loadConfig({}, folder).externalProviders).toMatchObject([{ key: 'acme', clientSecret: 'from the provider' }]);
  await rm(path('.env'));
});

it('what must not be shown is known: secrets, and the passwords in addresses', () => {
  const { secrets } = shownConfig(
    {
      DATABASE_URL: 'postgresql://chat:p%40ss-word@db/chat',
      REDIS_URL: 'redis://:of-redis@redis',
      OIDC_ACME_CLIENT_SECRET: 'of-a-provider',
      ADMIN_PASSWORD_FILE: path('password'),
      PATH: '/bin',
    },
    folder,
  );
  for (const secret of ['p%40ss-word', 'p@ss-word', 'of-redis', 'of-a-provider', 'correct horse '])
    expect(secrets).toContain(secret);
  expect(secrets).not.toContain('/bin');
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.js';

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

const compose = read('docker-compose.yml');

/** The lines of one service, as text: there is no reader of YAML among the dependencies. */
function service(name: string): string {
  const [, after = ''] = compose.split(`\n  ${name}:\n`);
  return after.split(/\n {0,2}\S/)[0] ?? '';
}

it('every image that is not built here, and what the build begins with, is an exact version', () => {
  const images = [...`${compose}\n${read('Dockerfile')}`.matchAll(/^(?: +image: |FROM )(\S+)/gm)].map(
    ([, image]) => image,
  );
  expect(images).toHaveLength(4);
  for (const image of images) expect(image).toMatch(/^(postgres:\d+\.\d+|(redis|node):\d+\.\d+\.\d+)-alpine$/);
});

it('the image that is built runs a version of Node.js with long support, which have even numbers', () => {
  const majors = [...read('Dockerfile').matchAll(/^FROM node:(\d+)\./gm)].map(([, major]) => Number(major));
  expect(new Set(majors).size).toBe(1);
  for (const major of majors) expect([major >= 22, major % 2]).toEqual([true, 0]);
});

it('no server has a default password, and Redis asks for one', () => {
  const variables = [...compose.matchAll(/\$\{(\w*PASSWORD)(:.)([^}]*)\}/g)].map(([, name, sign, value]) => [
    name,
    sign,
    value,
  ]);
  for (const [name, sign, value] of variables)
    expect([name, sign, value]).toEqual(
      name === 'ADMIN_PASSWORD' ? [name, ':-', ''] : [name, ':?', 'set it in .env, as docker-compose.yml says'],
    );
  expect(new Set(variables.map(([name]) => name))).toEqual(
    new Set(['POSTGRES_PASSWORD', 'REDIS_PASSWORD', 'ADMIN_PASSWORD']),
  );
  expect(service('redis')).toMatch(/^ {4}command: redis-server .*--requirepass \$\{REDIS_PASSWORD:/m);
});

it('PostgreSQL and Redis are in an internal network alone, and listen on no port of the machine', () => {
  for (const name of ['postgres', 'redis']) {
    expect(service(name)).toMatch(/^ {4}networks: \[data\]$/m);
    expect(service(name)).not.toMatch(/^ {4}ports:/m);
  }
  expect(service('chat')).toMatch(/^ {4}networks: \[default, data\]$/m);
  expect(compose).toMatch(/^networks:\n(?: {2}#.*\n)* {2}data:\n {4}internal: true$/m);
});

it('what docs/operating.md says to put into .env is what Compose asks for, and the service takes it for no mistake', () => {
  const [, line = ''] = /printf '(\S+)'/.exec(read('docs/operating.md')) ?? [];
  expect(line).toBe('POSTGRES_PASSWORD=%s\\nREDIS_PASSWORD=%s\\n');
  expect(compose).toContain(`printf '${line}'`);
  const folder = mkdtempSync(join(tmpdir(), 'chat-api-compose-'));
  writeFileSync(join(folder, '.env'), line.replaceAll('\\n', '\n').replaceAll('%s', 'a1b2'));
  expect(loadConfig({}, folder)).toMatchObject({ databaseUrl: undefined, redisUrl: undefined });
  rmSync(folder, { recursive: true });
});

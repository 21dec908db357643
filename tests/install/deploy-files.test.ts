import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { secretFileNames } from '../../src/config/secret-files.js';
import { variableSchemas } from '../../src/config/variables.js';

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

const SETTINGS = new Set([...Object.keys(variableSchemas), ...secretFileNames]);
const production = read('docker-compose.production.yml');

/** The lines of one service of the compose file. */
function service(name: string): string {
  const [, after = ''] = production.split(`\n  ${name}:\n`);
  return after.split(/\n {0,2}\S/)[0] ?? '';
}

it.each([
  ['docker-compose.production.yml', [...service('chat').matchAll(/^ {6}([A-Z_]+): /gm)]],
  ['deploy/kubernetes.yaml', [...read('deploy/kubernetes.yaml').matchAll(/- \{ name: ([A-Z_]+), value: /g)]],
  ['deploy/chat-api.service', [...read('deploy/chat-api.service').matchAll(/^Environment=([A-Z_]+)=/gm)]],
])('%s sets variables that there are', (_file, matches) => {
  const names = matches.map(([, name = '']) => name);
  expect(names).not.toEqual([]);
  for (const name of names) expect(SETTINGS.has(name), name).toBe(true);
});

it('production takes the images of the trial, at the same versions', () => {
  const images = (text: string) => [...text.matchAll(/^ +image: (\S+)/gm)].map(([, image]) => image);
  expect(images(production)).toEqual(images(read('docker-compose.yml')));
});

it('in production no secret is in the environment, each is a declared file, and only the service is outside of the data network', () => {
  expect(production.replace(/^#.*$/gm, '')).not.toMatch(/PASSWORD: |_URL: (postgres|redis)|--requirepass \$\{/);
  const declared = [...production.matchAll(/^ {4}file: secrets\/(\w+)$/gm)].map(([, name]) => name);
  const used = [...production.matchAll(/^ {4}secrets: \[(.*)\]$/gm)].flatMap(([, names = '']) => names.split(', '));
  expect(new Set(used)).toEqual(new Set(declared));
  for (const [, path] of production.matchAll(/\/run\/secrets\/(\w+)/g)) expect(declared).toContain(path);
  for (const name of ['postgres', 'redis']) {
    expect(service(name)).toContain('networks: [data]');
    expect(service(name)).not.toContain('ports:');
  }
  expect(production).toMatch(/^ {2}data:\n {4}internal: true$/m);
});

it.each([
  ['docker-compose.production.yml', ['read_only: true', 'cap_drop: [ALL]', 'no-new-privileges:true']],
  ['deploy/kubernetes.yaml', ['readOnlyRootFilesystem: true', 'runAsNonRoot: true', 'drop: [ALL]']],
  ['deploy/chat-api.service', ['ProtectSystem=strict', 'NoNewPrivileges=true', 'User=chat']],
])('%s gives the process no more than it needs', (file, words) => {
  for (const word of words) expect(read(file)).toContain(word);
});

import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from './support/database.js';
import { freePort } from './support/free-port.js';
import { testRedisUrl } from './support/redis.js';

const root = join(import.meta.dirname, '..');
const credentials = {
  ADMIN_PASSWORD: 'an admin’s password',
  OAUTH_CLIENT_ID: 'readme',
  OAUTH_CLIENT_SECRET: 's:e c/r%e+t',
};

let database: TestDatabase | undefined;
let folder: string;
let environment: NodeJS.ProcessEnv;
let service: ReturnType<typeof spawn>;

/** Starts the built service as `npm start` does, on what this run tests with: a server's database, or the embedded default. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chat-readme-'));
  const port = await freePort();
  const onServer = process.env.TEST_DATABASE_URL !== undefined;
  if (onServer) database = await createTestDatabase();
  environment = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    ...credentials,
    PORT: String(port),
    DATA_DIR: join(folder, 'data'),
    DATABASE_URL: database?.url ?? '',
    REDIS_URL: testRedisUrl() ?? '',
  };
  const started = spawn(process.execPath, ['dist/server.js'], {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  service = started;
  const listening = `http://127.0.0.1:${port}`;
  // Read on after that: who does not read is who breaks the pipe.
  await new Promise<void>((resolve) => {
    started.stdout.on('data', (line) => String(line).includes(listening) && resolve());
  });
}, 60_000);

afterAll(async () => {
  const ended = new Promise((resolve) => service.once('exit', resolve));
  service.kill('SIGTERM');
  await ended;
  await database?.drop();
  await rm(folder, { recursive: true });
});

/** What all the commands of a page print, pasted one after the other. */
async function paste(page: string): Promise<string> {
  const text = await readFile(join(root, page), 'utf8');
  const commands = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((block) => block[1]).join('\n');
  const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-euo', 'pipefail', '-c', commands], {
    cwd: root,
    env: {
      ...environment,
      API: `http://127.0.0.1:${environment.PORT}`,
      CLIENT_ID: credentials.OAUTH_CLIENT_ID,
      // As HTTP Basic wants it (RFC 6749 §2.3.1); what the first start generates needs no encoding.
      CLIENT_SECRET: encodeURIComponent(credentials.OAUTH_CLIENT_SECRET),
    },
    timeout: 180_000,
  });
  expect(stderr).toBe('');
  return stdout;
}

describe('docs/oauth.md', () => {
  it('registers applications and goes through a sign-in with commands that work when pasted', async () => {
    const stdout = await paste('docs/oauth.md');
    for (const answer of [
      /^client_id: phone$/m,
      /^client_secret: ccs_[\w-]{43}$/m,
      /^Removed the application phone\.$/m,
      /"scope":"read","refresh_token":"crt_/,
      /"active":true,"scope":"read",.*"username":"admin"/,
      /"active":false\}/,
    ])
      expect(stdout).toMatch(answer);
    const url = /^http.*\/oauth\/authorize\/.*$/m.exec(stdout)?.[0] ?? '';
    expect(await (await fetch(url)).text()).toContain('Terminal asks you to sign in');
  }, 200_000);
});

describe('README.md', () => {
  it('walks through every interface with commands that work when pasted', async () => {
    const stdout = await paste('README.md');
    for (const answer of [
      '"assignUserToChat":{"joinedAt":',
      '"sendMessage":{"seq":2,"content":"Hello"}',
      '"lastMessage":{"content":"Hello","sender":{"username":"ann"}}',
      "message: { content: 'Hello', sender: [Object: null prototype]",
      "type: 'ack'",
      "content: 'Hello, raw'",
      'createsuperuser',
    ])
      expect(stdout.replaceAll('{ username', '[Object: null prototype] { username')).toContain(answer);
  }, 200_000);

  it('names every variable of the configuration, as .env.example does', async () => {
    const [readme, example] = await Promise.all(
      ['README.md', '.env.example'].map((name) => readFile(join(root, name), 'utf8')),
    );
    const names = [...(example ?? '').matchAll(/^([A-Z0-9_]+)=/gm)].map((match) => match[1]);
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) expect(readme).toContain(`\`${name}\``);
  });

  it('says of every package that the service needs what it is for', async () => {
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    const missing = Object.keys(dependencies).filter(
      (name) => !readme.includes(name) && !readme.includes(name.split('/')[1] ?? name),
    );
    expect(missing).toEqual([]);
  });
});

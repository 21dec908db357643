import { spawn } from 'node:child_process';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import { firstRun } from '../../src/operator/first-run.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
let apps: FastifyInstance[];
let log: string[];

beforeEach(async () => {
  [database, apps, log] = [await createTestDatabase(), [], []];
});
afterEach(async () => {
  for (const app of apps) await app.close();
  await database.drop();
});

/** A process of the service, which does not listen yet, and its configuration. */
async function start(environment: NodeJS.ProcessEnv = {}) {
  const config = loadConfig({ DATABASE_URL: database.url, LOG_LEVEL: 'info', ...environment }, import.meta.dirname);
  const app = await buildApp(config, { embedded: database.embedded, logStream: { write: (line) => log.push(line) } });
  apps.push(app);
  return { app, config };
}

/** How many there are of each. */
async function counts({ db: { prisma } }: FastifyInstance) {
  const [users, clients, chats] = await Promise.all([
    prisma.user.count(),
    prisma.oAuthClient.count(),
    prisma.chat.count(),
  ]);
  return { users, clients, chats };
}

const one = { users: 1, clients: 1, chats: 1 };

describe('a first start', { timeout: 60_000 }, () => {
  it('makes one admin, one client and one chat, of however many processes start at once', async () => {
    // Names that differ, so that it is not the names' uniqueness that keeps them apart.
    const processes = await Promise.all(['ann', 'bob', 'cid'].map((name) => start({ ADMIN_USERNAME: name })));
    const welcomes = await Promise.all(processes.map(({ app, config }) => firstRun(app, config)));
    expect(welcomes.filter((welcome) => welcome !== undefined)).toHaveLength(1);
    const { app, config } = await start();
    expect(await counts(app)).toEqual(one);
    // The next start says nothing.
    expect(await firstRun(app, config)).toBeUndefined();
    expect(await counts(app)).toEqual(one);
  });

  it('makes nothing where there are users', async () => {
    const { app, config } = await start({ ADMIN_PASSWORD: 'sesame, open' });
    await app.services.users.create({ username: 'ann', password: 'correct horse' });
    expect(await firstRun(app, config)).toBeUndefined();
    expect(await counts(app)).toEqual({ users: 1, clients: 0, chats: 0 });
  });

  it('leaves a client alone that has the configured id already', async () => {
    const { app, config } = await start({ OAUTH_CLIENT_ID: 'web' });
    await app.services.clients.create({ name: 'Web', id: 'web', secret: 'its own' });
    await firstRun(app, config);
    expect(await app.services.clients.authenticate('web', 'its own')).toBeDefined();
    expect(await counts(app)).toMatchObject({ users: 1, clients: 1 });
  });

  it('in production without ADMIN_PASSWORD makes nothing and says how in one line of the log', async () => {
    const { app, config } = await start({ NODE_ENV: 'production' });
    log.length = 0;
    expect(await firstRun(app, config)).toBeUndefined();
    expect(log).toHaveLength(1);
    expect(log[0]).toContain('manage createsuperuser');
    expect(await counts(app)).toEqual({ users: 0, clients: 0, chats: 0 });
  });

  it('in production makes what is configured, and neither prints nor logs a secret', async () => {
    const client = { OAUTH_CLIENT_ID: 'web', OAUTH_CLIENT_SECRET: 's3cret of web' };
    const { app, config } = await start({ NODE_ENV: 'production', ADMIN_PASSWORD: 'sesame, open', ...client });
    expect(await firstRun(app, config)).toBeUndefined();
    expect(await counts(app)).toEqual({ users: 1, clients: 1, chats: 0 });
    expect(await app.services.signIn.authenticate('admin', 'sesame, open')).toMatchObject({
      user: { role: 'admin' },
    });
    expect(await app.services.clients.authenticate('web', 's3cret of web')).toMatchObject({
      grants: ['password', 'refresh_token', 'client_credentials'],
      scopes: ['read', 'write'],
    });
    expect(log.join('')).not.toMatch(/sesame|s3cret/);
  });

  it('prints an address that signs the admin in, once, where the web client is served', async () => {
    const { app, config } = await start();
    const welcome = await firstRun(app, config);
    const origin = await app.listen({ host: '127.0.0.1', port: 0 });
    const [, code = '', chatId] =
      /^ {2}http:\S+\/#code=(csi_[\w-]{43})&chat=(\S+)$/m.exec(welcome?.(origin) ?? '') ?? [];
    expect(await app.db.prisma.chat.count({ where: { id: chatId ?? '' } })).toBe(1);
    const redeem = () =>
      fetch(`${origin}/oauth/browser_session/`, { method: 'POST', body: new URLSearchParams({ code }) });
    expect([(await redeem()).status, (await redeem()).status]).toEqual([204, 400]);
    expect(log.join('')).not.toContain(code);
  });

  it('prints no address where the web client is off', async () => {
    const { app, config } = await start({ WEB_CLIENT: 'off' });
    expect((await firstRun(app, config))?.('http://127.0.0.1:8000')).not.toContain('#code=');
  });

  it.each([
    ['generated', {}],
    [
      'configured, whatever a shell makes of them',
      {
        ADMIN_USERNAME: 'änn@example.com',
        ADMIN_PASSWORD: `it's "$HOME" & \`pwd\` + 100 % \\n!`,
        OAUTH_CLIENT_ID: 'a&b=c;d',
        OAUTH_CLIENT_SECRET: "'; exit 1 #",
      },
    ],
  ])('prints commands that work when pasted, with credentials that are %s', async (_what, environment) => {
    const { app, config } = await start(environment);
    const welcome = await firstRun(app, config);
    const text = welcome?.(await app.listen({ host: '127.0.0.1', port: 0 })) ?? '';
    // What was given is nobody's to print: whatever keeps the output would keep it.
    for (const given of ['ADMIN_PASSWORD', 'OAUTH_CLIENT_SECRET'] as const) {
      const value = Object.entries(environment).find(([name]) => name === given)?.[1];
      if (value === undefined) expect(text).not.toContain(given);
      else {
        expect(text).not.toContain(value);
        expect(text).toContain(`$${given}`);
      }
    }
    const commands = text.split('\n').filter((line) => /^(TOKEN=|curl |node )/.test(line));
    expect(commands).toHaveLength(3);
    const output = await paste(commands, '"type":"live"', environment);
    expect(output).toContain('"content":"Hello"');
    expect(output).toMatch(/"type":"message.created".*"content":"Hello"/);
  });
});

/** Runs the commands in the project's folder until the output has what is awaited; the last one does not end by itself. */
async function paste(commands: string[], awaited: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const script = [...commands.slice(0, -1), `exec ${commands.at(-1)}`].join('\n');
  const shell = spawn('bash', ['--norc', '-euo', 'pipefail', '-c', script], {
    cwd: new URL('../..', import.meta.url),
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of shell.stdout) {
    output += chunk;
    if (output.includes(awaited)) break;
  }
  shell.kill();
  return output;
}

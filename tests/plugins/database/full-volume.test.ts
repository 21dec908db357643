import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startEmbedded } from '../../../src/plugins/database/embedded.js';
import { freePort } from '../../support/free-port.js';
import { waitUntil } from '../../support/wait-until.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/server.js', import.meta.url));
const ACCOUNT = {
  ADMIN_PASSWORD: 'correct horse battery',
  OAUTH_CLIENT_ID: 'app',
  OAUTH_CLIENT_SECRET: 'a secret of the tests',
};
const MIB = 1024 * 1024;
const title =
  'the embedded database on a full volume (skipped where the tests may not mount one: it takes root and Linux)';

describe.skipIf(!mayMount())(title, { timeout: 120_000 }, () => {
  let volume: string;
  let dataDir: string;
  beforeEach(() => {
    volume = mkdtempSync(join(tmpdir(), 'chat-api-volume-'));
    dataDir = join(volume, 'data');
  });
  afterEach(() => {
    execFileSync('umount', [volume]);
    rmSync(volume, { recursive: true });
  });

  it.each([12, 38])('says so in one sentence when it ends within its first start, at %i MiB', async (size) => {
    mount(volume, size);
    const [first, again] = [await runToEnd(dataDir), await runToEnd(dataDir)];
    for (const outcome of [first, again])
      expect(outcome).toEqual({
        code: 1,
        stdout: '',
        stderr: `The data folder ${dataDir} cannot be used: there is no space left on its volume; make room, or choose another DATA_DIR.\n`,
      });
  });

  it('refuses what it cannot keep, goes on once there is room, and has all that it acknowledged', async () => {
    mount(volume, 120);
    const service = await start(dataDir);
    const send = await signIn(service.origin);
    const acknowledged: string[] = [];
    const refused: unknown[] = [];
    const sendOne = async () => {
      const content = randomBytes(2900).toString('base64');
      const refusal = await send(content);
      if (refusal === undefined) acknowledged.push(content);
      else refused.push(refusal);
      return refusal === undefined;
    };
    const { bavail, bsize } = statfsSync(volume);
    writeFileSync(join(volume, 'filler'), Buffer.alloc(bavail * bsize - 2 * MIB));
    while (refused.length < 20) await sendOne();
    expect(new Set(refused)).toEqual(new Set(['SERVICE_UNAVAILABLE']));
    expect(acknowledged.length).toBeGreaterThan(0);

    rmSync(join(volume, 'filler'));
    await waitUntil('An acknowledgement', 10_000, sendOne);
    service.child.kill('SIGKILL');
    await once(service.child, 'exit');
    const embedded = await startEmbedded(dataDir);
    const db = new pg.Pool({ connectionString: embedded.url });
    const { rows } = await db.query<{ content: string }>('SELECT content FROM messages');
    const kept = new Set(rows.map(({ content }) => content));
    expect(acknowledged.filter((content) => !kept.has(content))).toEqual([]);
    await db.end();
    await embedded.close();
  });
});

function mayMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), 'chat-api-volume-'));
  try {
    mount(folder, 1);
    execFileSync('umount', [folder]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function mount(folder: string, mebibytes: number): void {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder], { stdio: 'pipe' });
}

function run(dataDir: string, port: number): ReturnType<typeof spawn> {
  return spawn(process.execPath, [PROGRAM], {
    cwd: dataDir.replace(/data$/, ''),
    env: { PATH: process.env.PATH, DATA_DIR: dataDir, PORT: String(port), LOG_LEVEL: 'error', ...ACCOUNT },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function runToEnd(dataDir: string) {
  const child = run(dataDir, await freePort());
  if (!child.stdout || !child.stderr) throw new Error('Its output is not piped.');
  const [[code], stdout, stderr] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

async function start(dataDir: string) {
  const port = await freePort();
  const child = run(dataDir, port);
  for (const stream of [child.stdout, child.stderr]) stream?.resume();
  const origin = `http://127.0.0.1:${port}`;
  await waitUntil('The start of the service', 90_000, async () => (await fetch(`${origin}/readyz`)).ok);
  return { child, origin };
}

/** Sends to the first chat. Undefined when it was acknowledged, and otherwise the code of the refusal. */
async function signIn(origin: string): Promise<(content: string) => Promise<string | undefined>> {
  const form = {
    grant_type: 'password',
    username: 'admin',
    password: ACCOUNT.ADMIN_PASSWORD,
    client_id: ACCOUNT.OAUTH_CLIENT_ID,
    client_secret: ACCOUNT.OAUTH_CLIENT_SECRET,
  };
  const signedIn = await fetch(`${origin}/oauth/token/`, { method: 'POST', body: new URLSearchParams(form) });
  const { access_token: token } = JSON.parse(await signedIn.text());
  const ask = async (query: string, variables = {}) => {
    const response = await fetch(`${origin}/graphql/`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    return JSON.parse(await response.text());
  };
  const { data } = await ask('{ chats { id } }');
  const chat = data.chats[0].id;
  return async (content) => {
    const answer = await ask(
      'mutation ($chat: ID!, $content: String!) { sendMessage(chatId: $chat, content: $content) { seq } }',
      { chat, content },
    );
    return answer.errors?.[0].extensions.code;
  };
}

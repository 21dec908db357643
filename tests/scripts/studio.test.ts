import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConfiguredDatabase, configureDatabase } from '../support/configured-database.js';
import { freePort } from '../support/free-port.js';
import { manage } from '../support/manage.js';

const script = fileURLToPath(new URL('../../scripts/studio.ts', import.meta.url));

let database: ConfiguredDatabase;
beforeAll(async () => {
  database = await configureDatabase();
});
afterAll(() => database.remove());

/** Opens Studio, asks it for the users' names as its page does, and ends it. */
async function browseUsers() {
  const port = String(await freePort());
  const args = ['--import', import.meta.resolve('tsx'), script, '--browser', 'none', '--port', port];
  const studio = spawn(process.execPath, args, {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: database.environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const chunk of studio.stdout.iterator({ destroyOnReturn: false })) if (String(chunk).includes(port)) break;
  studio.stdout.resume();
  const page = await fetch(`http://127.0.0.1:${port}/`);
  const query = { sql: 'SELECT username FROM users WHERE length(username) > $1', parameters: [2] };
  const answer = await fetch(`http://127.0.0.1:${port}/bff`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ procedure: 'query', query }),
  });
  const rows: unknown = await answer.json();
  const exit = once(studio, 'exit');
  studio.kill('SIGINT');
  const [code] = await exit;
  const after = await fetch(`http://127.0.0.1:${port}/`).then(
    () => 'listens',
    () => 'gone',
  );
  return { page: page.status, rows, code, after };
}

describe('Studio', { timeout: 60_000 }, () => {
  it('shows the configured database, and ends with all that it started', async () => {
    await manage(database, ['createuser', '--username', 'ann', '--password', 'correct horse']);
    const shown = { page: 200, rows: [null, [{ username: 'ann' }]], code: 0, after: 'gone' };
    expect(await browseUsers()).toEqual(shown);
    // The data folder is free again.
    expect(await manage(database, ['cleartokens'])).toMatchObject({ code: 0 });
  });
});

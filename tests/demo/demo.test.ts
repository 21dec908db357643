import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';
import { testRedisUrl } from '../support/redis.js';
import { testDatabaseSource } from '../support/test-database-source.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs the demo as `npm run demo` does, on what this run tests with. */
async function demo(...nodeArguments: string[]) {
  const source = testDatabaseSource();
  const child = spawn(process.execPath, ['--import', 'tsx', ...nodeArguments, 'demo/main.ts'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DATABASE_URL: source.kind === 'postgres' ? source.serverUrl : '',
      REDIS_URL: testRedisUrl() ?? '',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [[code], stdout, stderr] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

describe('the demo', { timeout: 120_000, concurrent: true }, () => {
  it('ends with 0 when each message has reached each listener', async ({ expect }) => {
    const { code, stdout, stderr } = await demo();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const received = [...stdout.matchAll(/→ (\w+) \((.+)\): #(\d+) (\w+): (.+)/g)];
    for (const [listener, transport] of [
      ['ann', 'event stream'],
      ['bob', 'WebSocket'],
    ]) {
      const own = received.filter(([, name, how]) => name === listener && how === transport);
      expect(own.map(([, , , seq, sender]) => `${seq} ${sender}`)).toEqual([
        '3 ann',
        '4 bob',
        '5 ann',
        '6 bob',
        '9 ann',
      ]);
      const changes = [...stdout.matchAll(/→ (\w+) \(.+?\): #([789]) (.+)/g)].filter(([, name]) => name === listener);
      expect(changes.map(([, , seq, text]) => `${seq} ${text}`)).toEqual([
        '7 ann (edited): And both of us see the same numbers, of every change.',
        '8 👍 1',
        '9 ann: (deleted)',
      ]);
    }
  });

  it('ends with 1 and says what did not arrive', async ({ expect }) => {
    const { code, stdout, stderr } = await demo('--import', './tests/demo/deaf-listener.mjs');
    expect(code).toBe(1);
    expect(stderr).toBe('This did not reach bob (WebSocket) within 10 s: bob: Every message once, in one order.\n');
    expect(stdout).toContain('→ ann (event stream): #6');
  });
});

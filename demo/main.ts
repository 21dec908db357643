// `npm run demo`: starts the service on a temporary database and lets two people chat by the client library, one over server-sent events
// and one on a WebSocket. Exits with 0 when every change arrived, otherwise with 1 and an error message. The code of a client is in
// conversation.ts, changes.ts and api.ts.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { buildApp } from '../src/app.js';
import { type Config, loadConfig } from '../src/config/config.js';
import { sentenceOf } from '../src/operator/command-error.js';
import { firstRun } from '../src/operator/first-run.js';
import { converse } from './conversation.js';
import { createThrowAwayDatabase } from './throw-away-database.js';

const TIMEOUT_MS = 10_000;

const demoSettings = { environment: 'development', host: '127.0.0.1', port: 0, logLevel: 'warn' } as const;

try {
  await demonstrate();
} catch (error) {
  process.stderr.write(`${sentenceOf(error)}\n`);
  process.exitCode = 1;
}

async function demonstrate(): Promise<void> {
  const configured = loadConfig();
  const database = await createThrowAwayDatabase(configured);
  try {
    const admin = { username: 'admin', password: randomUUID() };
    const client = { id: 'demo', secret: randomUUID() };
    const config = { ...configured, ...database.location, ...demoSettings, admin, client };
    await onService(config, async (origin) => {
      print(`The service listens on ${origin}, on ${database.description}.`);
      await Promise.race([converse({ origin, client, admin, print, timeoutMs: TIMEOUT_MS }), interruption()]);
    });
  } finally {
    await database.remove();
  }
}

/** Runs `work` against a service that it starts on a free port. */
async function onService(config: Config, work: (origin: string) => Promise<void>): Promise<void> {
  const app = await buildApp(config, { busPrefix: `demo:${randomUUID()}:`, logStream: process.stderr });
  try {
    await firstRun(app, config);
    await work(await app.listen({ host: config.host, port: config.port }));
  } finally {
    await app.close();
  }
}

/** Rejects at Ctrl-C, so that the `finally` blocks clean up. */
async function interruption(): Promise<never> {
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  throw new Error('The demo was interrupted.');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

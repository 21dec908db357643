import './engine.js';
import type { AddressInfo } from 'node:net';
import closeWithGrace from 'close-with-grace';
import { buildApp } from './app.js';
import { ConfigError, loadConfig } from './config.js';
import { firstRun } from './operator/first-run.js';

/** How long a drain may take before the process ends anyway, in milliseconds. */
const DRAIN_MS = 9500;

// Whoever read the output has gone. The service goes on without; its log finds out by itself and says nothing more.
process.stdout.on('error', (error) => {
  if (!('code' in error && error.code === 'EPIPE')) throw error;
});

try {
  const config = loadConfig();
  const app = await buildApp(config);
  const welcome = await firstRun(app, config);
  closeWithGrace({ delay: DRAIN_MS, logger: app.log }, async ({ err, signal }) => {
    if (err) app.log.fatal({ err }, 'ending after an error that nobody caught');
    else app.log.info({ signal }, 'draining');
    await app.close();
  });
  await app.listen({ host: config.host, port: config.port });
  if (welcome) process.stdout.write(welcome(localOrigin(app.server.address())));
} catch (error) {
  process.stderr.write(`${describe(error)}\n`);
  process.exit(1);
}

/** The address by which this machine reaches the service. */
function localOrigin(address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') throw new Error('The service listens on no port.');
  const everywhere = address.address === '0.0.0.0' || address.address === '::';
  const host = everywhere ? '127.0.0.1' : address.address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

/** What the person who starts the service needs to read: plain words where they say it all, the stack where it is our fault. */
function describe(error: unknown): string {
  if (error instanceof ConfigError) return error.problems.join('\n');
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? error.message : (error.stack ?? error.message);
}

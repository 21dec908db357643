import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import closeWithGrace from 'close-with-grace';
import { buildApp } from './app.js';
import { loadConfig } from './config/config.js';
import { firstRun } from './operator/first-run.js';
import { describeStartError } from './operator/start-error.js';
import { prepareWebClient } from './operator/web-client.js';
import { collectStartGarbage } from './start-garbage.js';

/*
 * A start: read the configuration, make or migrate the database and load every plugin (`app.ts`), create the first admin (`firstRun`),
 * listen. A stop, on SIGTERM, SIGINT or an uncaught error: `app.close()`, in which each plugin closes what it opened.
 */

/** How long a drain may take before the process exits anyway, in milliseconds. */
const DRAIN_MS = 9500;

// The reader of the output has closed the pipe: the service keeps running without a log.
process.stdout.on('error', (error) => {
  if (!('code' in error && error.code === 'EPIPE')) throw error;
});

let address = { host: '', port: 0 };
try {
  const config = loadConfig();
  address = config;
  const app = await buildApp(config);
  await checkAddress(config);
  const welcome = await firstRun(app, config);
  await prepareWebClient(app, config);
  closeWithGrace({ delay: DRAIN_MS, logger: app.log }, async ({ err, signal }) => {
    if (err) app.log.fatal({ err }, 'exiting after an uncaught error');
    else app.log.info({ signal }, 'draining');
    await app.close();
  });
  collectStartGarbage();
  await app.listen({ host: config.host, port: config.port });
  if (welcome) process.stdout.write(welcome(localOrigin(app.server.address())));
} catch (error) {
  process.stderr.write(`${describeStartError(error, address)}\n`);
  process.exit(1);
}

/**
 * Fails like `app.listen` when the address is not available. Called before the first run, which creates credentials that are
 * printed only once the service listens.
 */
async function checkAddress({ host, port }: { host: string; port: number }): Promise<void> {
  const probe = createServer().listen({ host, port });
  await once(probe, 'listening');
  probe.close();
  await once(probe, 'close');
}

/** The origin at which this machine reaches the service. */
function localOrigin(address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') throw new Error('The service listens on no port.');
  const everywhere = address.address === '0.0.0.0' || address.address === '::';
  const host = everywhere ? '127.0.0.1' : address.address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

import type { AddressInfo } from 'node:net';
import closeWithGrace from 'close-with-grace';
import { buildApp } from './app.js';
import type { Config } from './config/config.js';
import { firstRun } from './operator/first-run.js';
import { prepareWebClient } from './operator/web-client.js';
import { collectStartGarbage } from './start-garbage.js';
import { checkAddress } from './workers/check-address.js';
import { onStopSignal } from './workers/stop-signals.js';
import { openWorkerLink } from './workers/worker-link.js';

/** How long a drain may take before the process exits anyway, in milliseconds. */
const DRAIN_MS = 9500;
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * A start: make or migrate the database and load every plugin (`app.ts`), create the first admin (`firstRun`), listen. A stop, on SIGTERM,
 * SIGINT or an uncaught error: `app.close()`, in which each plugin closes what it opened.
 */
export async function serve(config: Config): Promise<void> {
  const link = openWorkerLink();
  const app = await buildApp(config, link && { metrics: link });
  // The supervisor of several workers has looked.
  if (!link) await checkAddress(config);
  const welcome = await firstRun(app, config);
  await prepareWebClient(app, config);
  let isClosing = false;
  const options = { delay: DRAIN_MS, logger: app.log, skip: [...STOP_SIGNALS] };
  const { close } = closeWithGrace(options, async ({ err }) => {
    isClosing = true;
    if (err) app.log.fatal({ err }, 'exiting after an uncaught error');
    await app.close();
    await link?.last(app);
  });
  const drain = (signal?: string) => {
    if (isClosing) return;
    app.log.info({ signal }, 'draining');
    close();
  };
  // To the supervisor of workers, SIGHUP means to replace them; a terminal sends it to all.
  if (link) process.on('SIGHUP', () => {});
  onStopSignal(link ? STOP_SIGNALS.filter((signal) => signal !== 'SIGHUP') : STOP_SIGNALS, drain);
  collectStartGarbage();
  await app.listen({ host: config.host, port: config.port });
  if (welcome) process.stdout.write(welcome(localOrigin(app.server.address())));
  link?.ready(app, drain);
}

/** The origin at which this machine reaches the service. */
function localOrigin(address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') throw new Error('The service listens on no port.');
  const everywhere = address.address === '0.0.0.0' || address.address === '::';
  const host = everywhere ? '127.0.0.1' : address.address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

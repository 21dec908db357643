// `npm run example`: starts the service, on an embedded database in a temporary folder, and a shop that uses it, on SHOP_PORT. Ends at
// Ctrl-C or SIGTERM, and removes the folder. What a product needs is in shop.ts, chat.ts, page.html and page.js.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { startService } from './service.js';
import { buildShop } from './shop.js';

const HOST = '127.0.0.1';
const port = Number(process.env.SHOP_PORT || 3000);
const shopOrigin = `http://${HOST}:${port}`;

// SIGHUP: the terminal was closed. The handlers stay, so that a second signal does not cut off what the first one ends.
let isStopped = false;
const stopped = new Promise<void>((resolve) => {
  const stop = () => {
    isStopped = true;
    resolve();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
});

const folder = await mkdtemp(join(tmpdir(), 'chat-example-'));
try {
  await runService();
} catch (error) {
  // Ctrl-C while it starts ends the command that registers the shop too.
  if (!isStopped) {
    process.stderr.write(`${describe(error)}\n`);
    process.exitCode = 1;
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function runService(): Promise<void> {
  const service = await startService(folder, shopOrigin);
  try {
    const url = await service.address;
    process.stdout.write(`The chat service listens on ${url}\n`);
    const shop = await buildShop({ url, ...(await service.createApplication()) }, await bundledPage());
    try {
      await shop.listen({ host: HOST, port });
      process.stdout.write(`The shop listens on ${shopOrigin}\n`);
      process.stdout.write(
        'Open it in two windows, one of them private, and sign in as two customers. Ctrl-C ends both.\n',
      );
      await Promise.race([stopped, service.ended.then(() => Promise.reject(new Error('The chat service has ended.')))]);
    } finally {
      await shop.close();
    }
  } finally {
    await service.stop();
  }
}

/** page.js and the client library in one file. */
async function bundledPage(): Promise<string> {
  const entry = fileURLToPath(new URL('page.js', import.meta.url));
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'esm', write: false });
  return outputFiles[0]?.text ?? '';
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isTaken = 'code' in error && error.code === 'EADDRINUSE';
  return isTaken ? `Another program listens on port ${port}. Set SHOP_PORT to another number.` : error.message;
}

import cluster from 'node:cluster';
import { loadConfig } from './config/config.js';
import { describeStartError } from './operator/start-error.js';

// The reader of the output has closed the pipe: the service keeps running without a log.
process.stdout.on('error', (error) => {
  if (!('code' in error && error.code === 'EPIPE')) throw error;
});

let address = { host: '', port: 0 };
try {
  const config = loadConfig();
  address = config;
  // The process that only supervises workers loads nothing of the service.
  if (config.workers > 1 && cluster.isPrimary) await (await import('./workers/supervise.js')).supervise(config);
  else await (await import('./serve.js')).serve(config);
} catch (error) {
  process.stderr.write(`${describeStartError(error, address)}\n`);
  process.exit(1);
}

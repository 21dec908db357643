import closeWithGrace from 'close-with-grace';
import { buildApp } from './app.js';
import { ConfigError, loadConfig } from './config.js';

/** How long a drain may take before the process ends anyway, in milliseconds. */
const DRAIN_MS = 10_000;

try {
  const config = loadConfig();
  const app = await buildApp(config);
  closeWithGrace({ delay: DRAIN_MS, logger: app.log }, async ({ err, signal }) => {
    if (err) app.log.fatal({ err }, 'ending after an error that nobody caught');
    else app.log.info({ signal }, 'draining');
    await app.close();
  });
  await app.listen({ host: config.host, port: config.port });
} catch (error) {
  process.stderr.write(`${describe(error)}\n`);
  process.exit(1);
}

/** What the person who starts the service needs to read, without a stack where the words say it all. */
function describe(error: unknown): string {
  if (error instanceof ConfigError) return error.problems.join('\n');
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

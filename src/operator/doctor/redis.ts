import { createClient } from 'redis';
import { clockFinding, type Finding, ok, problem, warning } from './finding.js';

const CONNECT_MS = 2000;
const OLDEST_VERSION = 6;

/** The bus: that it can be reached, and publish. Without a URL the service is one process. */
export async function lookAtRedis(url: string | undefined, hasServer: boolean): Promise<Finding[]> {
  if (url === undefined) {
    const one = 'REDIS_URL is not set, so only one process may run on this database.';
    return [hasServer ? warning(`${one} Set it before you start a second one.`) : ok(one)];
  }
  const socket = { connectTimeout: CONNECT_MS, socketTimeout: CONNECT_MS, reconnectStrategy: false as const };
  const client = createClient({ url, socket, disableOfflineQueue: true });
  // The calls below fail too.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.publish('chat-api:doctor', '');
    const information = await client.info().catch(() => '');
    return [
      versionFinding(information),
      ...memoryFindings(information),
      await clockFinding('Redis', async () => {
        const [seconds, microseconds] = await client.sendCommand<string[]>(['TIME']);
        return Number(seconds) * 1000 + Number(microseconds) / 1000;
      }),
    ];
  } catch (error) {
    const reason = error instanceof Error && error.message ? error.message : 'no answer';
    return [
      problem(`Redis cannot be used (${reason}): check REDIS_URL, and that Redis runs and lets this machine in.`),
    ];
  } finally {
    if (client.isOpen) client.destroy();
  }
}

function versionFinding(information: string): Finding {
  const version = /^redis_version:(\S+)/m.exec(information)?.[1];
  if (version === undefined) return ok('Redis answers.');
  if (Number.parseInt(version, 10) >= OLDEST_VERSION) return ok(`Redis ${version} answers.`);
  return warning(
    `Redis ${version} is older than what the service is tested with: install Redis ${OLDEST_VERSION} or newer.`,
  );
}

function memoryFindings(information: string): Finding[] {
  const used = Number(/^used_memory:(\d+)/m.exec(information)?.[1]);
  const most = Number(/^maxmemory:(\d+)/m.exec(information)?.[1]);
  if (!(most > 0 && used > 0.9 * most)) return [];
  return [
    warning(
      'Redis has used nine tenths of its maxmemory: raise it, or see who else fills it. The service stores next to nothing.',
    ),
  ];
}

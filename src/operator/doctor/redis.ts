import { ClusterTopology } from '../../delivery/redis/cluster-topology.js';
import { createRedisClient, discard, type RedisServer } from '../../delivery/redis/connection.js';
import { Sentinels } from '../../delivery/redis/sentinels.js';
import { expectSingle, nameOf } from '../../delivery/redis/server-mode.js';
import { type RedisTarget, redisTarget } from '../../delivery/redis/target.js';
import { within } from '../../domain/within.js';
import { clockFinding, type Finding, ok, problem, warning } from './finding.js';

const ANSWER_MS = 3000;
const OLDEST_VERSION = 6;

/** The bus: that it can be reached, and publish. Without a URL the service is one process. */
export async function lookAtRedis(url: string | undefined, hasServer: boolean): Promise<Finding[]> {
  if (url === undefined) {
    const one = 'REDIS_URL is not set, so only one process may run on this database.';
    return [hasServer ? warning(`${one} Set it before you start a second one.`) : ok(one)];
  }
  const target = redisTarget(url);
  try {
    const { servers, findings } = await find(target);
    const looks = servers.map((server) => lookAtServer(server, target.form));
    return [...findings, ...(await Promise.all(looks)).flat()];
  } catch (error) {
    return [unusable('Redis', error)];
  }
}

/** The servers that messages go through, and what is to say of how they were found. */
async function find(target: RedisTarget): Promise<{ servers: RedisServer[]; findings: Finding[] }> {
  if (target.form === 'single') return { servers: [target], findings: [] };
  if (target.form === 'sentinel') return findMaster(target);
  const quiet = { connected: () => [], isTroubled: () => false, onRead: () => {}, onError: () => {} };
  const { map, isHealthy } = await new ClusterTopology(target, quiet).read();
  const servers = [...map.masters.values()].map((address) => ({ ...target, address }));
  const finding = isHealthy
    ? ok(`The Redis Cluster has ${servers.length} masters, and a node for every slot.`)
    : problem('The Redis Cluster is down: start its nodes until every slot has one, see redis-cli --cluster check.');
  return { servers, findings: [finding] };
}

async function findMaster(target: Extract<RedisTarget, { form: 'sentinel' }>) {
  const sentinels = new Sentinels(target);
  const findings: Finding[] = [];
  for (const sentinel of target.sentinels) {
    const error = await sentinels.ask(sentinel).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error !== undefined) findings.push(warning(`The sentinel ${nameOf(sentinel)} is no help: ${reasonOf(error)}.`));
  }
  const master = await sentinels.locate();
  findings.push(ok(`The sentinels name ${nameOf(master.address)} as the master.`));
  return { servers: [master], findings };
}

async function lookAtServer(server: RedisServer, form: RedisTarget['form']): Promise<Finding[]> {
  const name = form === 'single' ? 'Redis' : `Redis at ${nameOf(server.address)}`;
  const client = createRedisClient(server);
  // The calls below fail too.
  client.on('error', () => {});
  const look = async () => {
    await client.connect();
    if (form === 'single') await expectSingle(client, server.address);
    await client.publish('chat-api:doctor', '');
    const information = await client.info().catch(() => '');
    return [
      versionFinding(name, information),
      ...memoryFindings(name, information),
      ...(await clockFinding(name, async () => {
        const [seconds, microseconds] = await client.sendCommand<string[]>(['TIME']);
        return Number(seconds) * 1000 + Number(microseconds) / 1000;
      }).then((finding) => [finding], withoutRight)),
    ];
  };
  try {
    return (await within(ANSWER_MS, look())) ?? [unusable(name, undefined)];
  } catch (error) {
    return [unusable(name, error)];
  } finally {
    discard(client);
  }
}

/** The service does not need Redis' clock: a user who may not ask for it is no problem. */
function withoutRight(error: unknown): Finding[] {
  if (error instanceof Error && error.message.startsWith('NOPERM')) return [];
  throw error;
}

function unusable(name: string, error: unknown): Finding {
  return problem(
    `${name} cannot be used (${reasonOf(error)}): check REDIS_URL, and that Redis runs and lets this machine in.`,
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error && error.message ? error.message.replace(/\.$/, '') : 'no answer';
}

function versionFinding(name: string, information: string): Finding {
  const version = /^redis_version:(\S+)/m.exec(information)?.[1];
  if (version === undefined) return ok(`${name} answers.`);
  const full = name.replace('Redis', `Redis ${version}`);
  if (Number.parseInt(version, 10) >= OLDEST_VERSION) return ok(`${full} answers.`);
  return warning(`${full} is older than what the service is tested with: install Redis ${OLDEST_VERSION} or newer.`);
}

function memoryFindings(name: string, information: string): Finding[] {
  const used = Number(/^used_memory:(\d+)/m.exec(information)?.[1]);
  const most = Number(/^maxmemory:(\d+)/m.exec(information)?.[1]);
  if (!(most > 0 && used > 0.9 * most)) return [];
  return [
    warning(
      `${name} has used nine tenths of its maxmemory: raise it, or see who else fills it. The service stores next to nothing.`,
    ),
  ];
}

import { once } from 'node:events';
import { access, constants, readFile, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Config } from '../../config/config.js';
import { localUrl } from '../local-url.js';
import { describeStartError } from '../start-error.js';
import { type Finding, ok, problem, warning } from './finding.js';

const GIBIBYTE = 1024 ** 3;
/** Each socket takes one, and so does each connection to the database. */
const FEW_FILES = 4096;
const RECOMMENDED_NODE = 22;
const ANSWER_MS = 3000;

/** Node.js, open files, the disk of the data folder, and the address that the service listens on. */
export async function lookAtMachine(config: Config): Promise<Finding[]> {
  const disk = config.databaseUrl === undefined ? await dataFolder(config.dataDir) : [];
  return [node(), ...(await openFiles()), ...disk, ...production(config), await address(config)];
}

function node(): Finding {
  const { node: version } = process.versions;
  const major = Number(version.split('.')[0]);
  if (major >= RECOMMENDED_NODE) return ok(`Node.js ${version}.`);
  return warning(`Node.js ${version} gets no more corrections: install Node.js 24, which the image has.`);
}

/** Linux alone tells. */
async function openFiles(): Promise<Finding[]> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const soft = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  if (!Number.isFinite(soft)) return [];
  if (soft >= FEW_FILES) return [ok(`The process may open ${soft} files and sockets.`)];
  return [
    warning(
      `The process may open ${soft} files and sockets only: raise the limit (ulimit -n, LimitNOFILE) above the connections that you expect.`,
    ),
  ];
}

async function dataFolder(dataDir: string): Promise<Finding[]> {
  try {
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    const { bavail, bsize } = await statfs(dataDir);
    const free = bavail * bsize;
    const text = `${(free / GIBIBYTE).toFixed(1)} GiB are free on the volume of ${dataDir}`;
    return [
      free < GIBIBYTE ? problem(`Only ${text}: make room, since sends are refused when it is full.`) : ok(`${text}.`),
    ];
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isMissing) return [ok(`The folder ${dataDir} is not there yet: the first start makes it.`)];
    return [
      problem(`The folder ${dataDir} cannot be used by this user: change its owner, or choose another DATA_DIR.`),
    ];
  }
}

function production(config: Config): Finding[] {
  const findings: Finding[] = [];
  if (config.environment !== 'production')
    findings.push(warning(`NODE_ENV is ${config.environment}: set it to production where others use the service.`));
  if (config.environment === 'production' && config.publicUrl === undefined)
    findings.push(warning('PUBLIC_URL is not set: set it to the address that clients know the service by.'));
  if (config.publicUrl?.startsWith('http://') && config.environment === 'production')
    findings.push(
      problem('PUBLIC_URL begins with http: tokens would be sent in the clear; put TLS in front of the service.'),
    );
  return findings;
}

/** The service answers there, or nobody listens. */
async function address({ host, port }: Config): Promise<Finding> {
  const ready = port === 0 ? undefined : await ask(`${localUrl({ host, port })}/readyz`);
  if (ready?.isOurs) {
    if (ready.status === 200) return ok(`The service runs on port ${port} and is ready.`);
    return problem(
      `The service on port ${port} is not ready, it says ${ready.text}: see “At three in the morning” in docs/operating.md.`,
    );
  }
  try {
    const probe = createServer().listen({ host, port });
    await once(probe, 'listening');
    probe.close();
    await once(probe, 'close');
    return ok(`Nothing listens on port ${port} of ${host}: the service can start there.`);
  } catch (error) {
    return problem(describeStartError(error, { host, port }));
  }
}

async function ask(url: string): Promise<{ status: number; text: string; isOurs: boolean } | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    const text = (await response.text()).slice(0, 200);
    return { status: response.status, text, isOurs: /^\{"status":"\w+","database":/.test(text) };
  } catch {
    return undefined;
  }
}

/** Where a Redis server listens. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** How to sign in at a server, and whether over TLS. */
export interface RedisAccess {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly isTls: boolean;
}

/** What REDIS_URL names: one server, the master that sentinels know by a name, or a cluster by some of its nodes. */
export type RedisTarget = RedisAccess &
  (
    | { readonly form: 'single'; readonly address: RedisAddress; readonly database: number }
    | {
        readonly form: 'sentinel';
        readonly sentinels: readonly RedisAddress[];
        readonly masterName: string;
        readonly database: number;
      }
    | { readonly form: 'cluster'; readonly nodes: readonly RedisAddress[] }
  );

/** What to write for several servers. */
export const CLUSTER_FORM = 'redis://host1:6379,redis://host2:6379 or redis+cluster://host1:6379,host2:6379';
export const SENTINEL_FORM = 'redis+sentinel://host1:26379,host2:26379/mymaster';

type Reading = { target: RedisTarget; problems?: undefined } | { target?: undefined; problems: string[] };

/** The parts of one URL, as they are written. */
interface Parts {
  isTls: boolean;
  form: 'single' | 'sentinel' | 'cluster';
  credentials: string | undefined;
  hosts: string[];
  path: string;
  search: string;
  hash: string;
}

const SYNTAX =
  /^(?<scheme>rediss?)(?:\+(?<form>cluster|sentinel))?:\/\/(?:(?<credentials>[^/?#]*)@)?(?<hosts>[^/?#]*)\/?(?<path>[^?#]*)(?<search>\?[^#]*)?(?<hash>#.*)?$/i;
const HOST = /^(?<host>\[[0-9a-f:.]+\]|[^:[\]\s]+)(?::(?<port>\d{1,5}))?$/i;
const PORTS = { single: 6379, cluster: 6379, sentinel: 26_379 };
/** The characters that Sentinel allows. */
const MASTER_NAME = /^[A-Za-z0-9._-]+$/;

/** @throws Error when the URL is wrong; config refuses such a URL before. */
export function redisTarget(url: string): RedisTarget {
  const { target, problems } = readRedisUrl(url);
  if (!target) throw new Error(problems.join('\n'));
  return target;
}

/** Reads REDIS_URL, or says in a sentence for each mistake what is wrong. Shows no values, which may be secrets. */
export function readRedisUrl(text: string): Reading {
  const parts = text
    .trim()
    .split(/,(?=rediss?(?:\+\w+)?:\/\/)/i)
    .map(partsOf);
  const [first] = parts;
  if (!first || parts.includes(undefined)) return { problems: ['REDIS_URL must be a URL such as redis://host:6379.'] };
  const urls = parts.flatMap((part) => part ?? []);
  const problems = [...urls.flatMap(problemsOf), ...(urls.length > 1 ? problemsOfList(urls) : [])];
  const target = problems.length === 0 && targetOf(first, urls);
  return target ? { target } : { problems: [...new Set(problems)] };
}

function partsOf(text: string): Parts | undefined {
  const found = SYNTAX.exec(text)?.groups;
  if (!found) return undefined;
  const { scheme = '', form = '', credentials, hosts = '', path = '', search = '', hash = '' } = found;
  return {
    isTls: scheme.toLowerCase() === 'rediss',
    form: form === '' ? 'single' : form.toLowerCase() === 'cluster' ? 'cluster' : 'sentinel',
    credentials,
    hosts: hosts.split(','),
    path,
    search,
    hash,
  };
}

function problemsOf({ form, credentials = '', hosts, path, search, hash }: Parts): string[] {
  const problems: string[] = [];
  if (!isDecodable(credentials)) problems.push('REDIS_URL has a % that begins no escape. Write it as %25.');
  if (hosts.includes('')) problems.push('REDIS_URL must name a host.');
  else if (!hosts.every((host) => addressOf(host, 1)))
    problems.push('REDIS_URL must have hosts such as host:6379, with a port from 1 to 65535.');
  if (form === 'single' && hosts.length > 1)
    problems.push(
      `REDIS_URL must name several servers as ${CLUSTER_FORM} for a cluster, as ${SENTINEL_FORM} for Sentinel.`,
    );
  if (form === 'single' && !/^\d{0,9}$/.test(path))
    problems.push('REDIS_URL must have nothing after the host but the number of a database.');
  if (form === 'cluster' && path !== '')
    problems.push('REDIS_URL must have nothing after the hosts of a cluster, which has no numbered databases.');
  if (form === 'sentinel' && !sentinelPath(path))
    problems.push(`REDIS_URL must have the name of the master after the sentinels: ${SENTINEL_FORM}.`);
  for (const name of new Set(new URLSearchParams(search).keys()))
    problems.push(`REDIS_URL must not have the parameter "${name}", which is not used.`);
  if (hash !== '') problems.push('REDIS_URL must not have a #: what follows is not used. Write it as %23.');
  return problems;
}

/** URLs that are separated by commas name a cluster. */
function problemsOfList(urls: readonly Parts[]): string[] {
  const [first, ...others] = urls;
  const problems: string[] = [];
  if (urls.some(({ form, hosts }) => form !== 'single' || hosts.length > 1))
    problems.push(`REDIS_URL must name a cluster as ${CLUSTER_FORM}.`);
  if (urls.some(({ path }) => path !== ''))
    problems.push('REDIS_URL must have nothing after the hosts of a cluster, which has no numbered databases.');
  if (others.some(({ credentials }) => credentials !== undefined && credentials !== first?.credentials))
    problems.push('REDIS_URL must have the same user and password in all its parts, or in the first alone.');
  if (others.some(({ isTls }) => isTls !== first?.isTls))
    problems.push('REDIS_URL must have redis:// in all its parts, or rediss:// in all of them.');
  return problems;
}

function targetOf(first: Parts, urls: readonly Parts[]): RedisTarget | undefined {
  const { form, isTls, credentials = '' } = first;
  const [, username = '', password] = /^([^:]*)(?::(.*))?$/s.exec(credentials) ?? [];
  const access: RedisAccess = {
    username: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password ?? '') || undefined,
    isTls,
  };
  const addresses = urls.flatMap(({ hosts }) => hosts).flatMap((host) => addressOf(host, PORTS[form]) ?? []);
  const [address] = addresses;
  if (!address) return undefined;
  if (form === 'sentinel') {
    const { masterName = '', database = '' } = sentinelPath(first.path) ?? {};
    return { form, ...access, sentinels: addresses, masterName, database: Number(database) };
  }
  if (form === 'cluster' || urls.length > 1) return { form: 'cluster', ...access, nodes: addresses };
  return { form, ...access, address, database: Number(first.path) };
}

function sentinelPath(path: string): { masterName: string; database: string } | undefined {
  const [masterName = '', database = '', ...more] = path.split('/');
  if (!MASTER_NAME.test(masterName) || !/^\d{0,9}$/.test(database) || more.length > 0) return undefined;
  return { masterName, database };
}

function addressOf(text: string, defaultPort: number): RedisAddress | undefined {
  const { host = '', port } = HOST.exec(text)?.groups ?? {};
  const number = Number(port ?? defaultPort);
  if (host === '' || number < 1 || number > 65_535) return undefined;
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: number };
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

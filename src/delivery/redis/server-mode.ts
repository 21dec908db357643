import type { RedisClient } from './connection.js';
import { CLUSTER_FORM, type RedisAddress, SENTINEL_FORM } from './target.js';

/** REDIS_URL has a form that does not fit the servers that it names. The message says what to write. */
export class RedisFormError extends Error {
  override readonly name = 'RedisFormError';
  /** Marks an error whose message is written for the operator. */
  readonly code = 'REDIS_FORM';
}

/** What a server says of itself. */
export interface ServerInformation {
  /** Undefined when the server does not say: its users may be kept from asking. */
  mode: string | undefined;
  /** The first number of its version. */
  version: number | undefined;
}

export async function readInformation(client: RedisClient): Promise<ServerInformation> {
  const text = await client.info('server').catch(ifRefused);
  const version = Number.parseInt(/^redis_version:(\S+)/m.exec(text)?.[1] ?? '', 10);
  return {
    mode: /^redis_mode:(\w+)/m.exec(text)?.[1],
    version: Number.isNaN(version) ? undefined : version,
  };
}

/** @throws RedisFormError when one Redis was named, and it is a node of a cluster or a sentinel */
export async function expectSingle(client: RedisClient, address: RedisAddress): Promise<void> {
  const { mode } = await readInformation(client);
  if (mode === 'cluster')
    throw new RedisFormError(
      `REDIS_URL names one Redis, but ${nameOf(address)} is a node of a cluster. Name the cluster: ${CLUSTER_FORM}.`,
    );
  if (mode === 'sentinel')
    throw new RedisFormError(
      `REDIS_URL names one Redis, but ${nameOf(address)} is a sentinel. Name its master: ${SENTINEL_FORM}.`,
    );
}

/** @throws RedisFormError when a node of a cluster was named, and the server is none */
export function expectClusterNode({ mode }: ServerInformation, address: RedisAddress): void {
  if (mode === undefined || mode === 'cluster') return;
  const advice = mode === 'sentinel' ? `Name the sentinels: ${SENTINEL_FORM}` : 'Name it alone: redis://host:6379';
  throw new RedisFormError(`REDIS_URL names a cluster, but ${nameOf(address)} is not a node of one. ${advice}.`);
}

export const nameOf = ({ host, port }: RedisAddress): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** A server that keeps this user from asking is believed; a connection that broke is not. */
function ifRefused(error: unknown): string {
  if (error instanceof Error && error.message.startsWith('NOPERM')) return '';
  throw error;
}

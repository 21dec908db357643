import { setTimeout as pause } from 'node:timers/promises';
import { within } from '../../domain/within.js';
import { type ClusterMap, type ClusterView, readCluster } from './cluster-map.js';
import { createRedisClient, discard, type RedisClient } from './connection.js';
import { expectClusterNode, nameOf, RedisFormError, readInformation } from './server-mode.js';
import type { RedisAddress, RedisTarget } from './target.js';

export type ClusterTarget = Extract<RedisTarget, { form: 'cluster' }>;

/** A node that can be asked without connecting to it first. */
export interface ConnectedNode {
  address: RedisAddress;
  client: RedisClient;
}

interface ClusterTopologyOptions {
  connected: () => ConnectedNode[];
  /** Whether something is missing, so that the cluster is asked again soon. */
  isTroubled: () => boolean;
  /** The cluster was asked; `map` may be the same as before. */
  onRead: (map: ClusterMap) => void;
  onError: (error: Error) => void;
}

const INTERVAL_MS = 5000;
const TROUBLED_INTERVAL_MS = 500;
/** After a sign that the map is wrong; lets the signs that come together count as one. */
const SOON_MS = 50;
const ANSWER_TIMEOUT_MS = 1000;
/** Nodes that are asked at the same time: one that hangs delays nobody then. */
const ASKED_TOGETHER = 3;

/** Knows which master has which slots: asks nodes of the cluster every five seconds, and at once when a node or a slot is missed. */
export class ClusterTopology {
  map: ClusterMap | undefined;
  private readonly ending = new AbortController();
  private wake = () => {};
  private isStale = false;
  /** An outage is reported once: which node is found away first is chance. */
  private isReported = false;

  constructor(
    private readonly target: ClusterTarget,
    private readonly options: ClusterTopologyOptions,
  ) {}

  start(): void {
    void this.keep();
  }

  /** The map is out of date. */
  refreshSoon(): void {
    this.isStale = true;
    this.wake();
  }

  close(): void {
    this.ending.abort();
    this.wake();
  }

  /**
   * The view of the first healthy node. One that is cut off from the others does not count while a map is known.
   *
   * @throws the reason why no node answered
   */
  async read(): Promise<ClusterView> {
    const questions = this.questions();
    const failures: unknown[] = [];
    let unhealthy: ClusterView | undefined;
    for (let first = 0; first < questions.length; first += ASKED_TOGETHER) {
      const asked = questions.slice(first, first + ASKED_TOGETHER).map(async (ask) => {
        const view = await ask();
        if (view.isHealthy) return view;
        unhealthy = view;
        throw new Error('The Redis Cluster says that it is down: not all of its slots have a node.');
      });
      const view = await Promise.any(asked).catch(({ errors }: AggregateError) => {
        failures.push(...errors);
      });
      if (view) return view;
    }
    if (unhealthy && !this.map) return unhealthy;
    throw failures.find((failure) => failure instanceof RedisFormError) ?? failures[0];
  }

  private async keep(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      this.isStale = false;
      await this.refresh();
      await this.untilDue();
      await pause(SOON_MS, undefined, { ref: false, signal }).catch(() => {});
    }
  }

  private async untilDue(): Promise<void> {
    if (this.isStale || this.ending.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.options.isTroubled() ? TROUBLED_INTERVAL_MS : INTERVAL_MS).unref();
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async refresh(): Promise<void> {
    try {
      const { map } = await this.read();
      if (this.ending.signal.aborted) return;
      this.map = map;
      this.isReported = false;
      this.options.onRead(map);
    } catch (error) {
      if (!(error instanceof Error) || this.ending.signal.aborted) return;
      if (this.isReported && !(error instanceof RedisFormError)) return;
      this.isReported = true;
      this.options.onError(error);
    }
  }

  /** Ways to ask: nodes with a connection first, then those that are known or configured. Of each, another one first every time. */
  private questions(): (() => Promise<ClusterView>)[] {
    const connected = this.options.connected();
    const known = new Map(
      [...this.target.nodes, ...(this.map?.masters.values() ?? [])].map((address) => [nameOf(address), address]),
    );
    for (const { address } of connected) known.delete(nameOf(address));
    return [
      ...shuffled(connected).map(
        ({ client, address }) =>
          () =>
            answerIn(readCluster(client, address), address),
      ),
      ...shuffled([...known.values()]).map((address) => () => this.dial(address)),
    ];
  }

  private async dial(address: RedisAddress): Promise<ClusterView> {
    const client = createRedisClient({ ...this.target, address });
    // `connect` fails too.
    client.on('error', () => {});
    const read = async () => {
      await client.connect();
      expectClusterNode(await readInformation(client), address);
      return readCluster(client, address);
    };
    try {
      return await answerIn(read(), address);
    } finally {
      discard(client);
    }
  }
}

async function answerIn(question: Promise<ClusterView>, address: RedisAddress): Promise<ClusterView> {
  const answer = await within(ANSWER_TIMEOUT_MS, question);
  if (!answer) throw new Error(`${nameOf(address)} does not answer.`);
  return answer;
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  const from = Math.floor(Math.random() * items.length);
  return [...items.slice(from), ...items.slice(0, from)];
}

import { ErrorReply } from 'redis';
import { type ClusterMap, slotOf } from './cluster-map.js';
import { type ClusterTarget, ClusterTopology } from './cluster-topology.js';
import { RedisAwayError, type RedisClient, RedisConnection } from './connection.js';
import type { RedisCommands } from './pub-sub.js';
import { expectClusterNode, readInformation } from './server-mode.js';
import type { RedisAddress } from './target.js';

export interface ClusterCommandsOptions {
  /** The cluster was asked which master has which slots; it may be as before. */
  onMap?: (map: ClusterMap) => void;
  /** Whether something else than a master is missed. */
  isTroubled?: () => boolean;
  /** `isSharded` may have changed. */
  onVersion?: () => void;
  onError: (error: Error) => void;
}

interface Master {
  readonly address: RedisAddress;
  readonly connection: RedisConnection;
  version: number | undefined;
}

/** The first version with sharded Pub/Sub. */
const SHARDED_SINCE = 7;

/** One connection to each master of a cluster. A command goes to the master that has the key's slot. */
export class ClusterCommands implements RedisCommands {
  private readonly masters = new Map<string, Master>();
  private readonly topology: ClusterTopology;
  private connected: () => void = () => {};

  constructor(
    private readonly target: ClusterTarget,
    private readonly options: ClusterCommandsOptions,
  ) {
    this.topology = new ClusterTopology(target, {
      connected: () =>
        [...this.masters.values()].flatMap(({ address, connection: { client } }) =>
          client ? { address, client } : [],
        ),
      isTroubled: () => !this.isComplete || (options.isTroubled?.() ?? false),
      onRead: (map) => this.adopt(map),
      onError: options.onError,
    });
  }

  connect(): Promise<void> {
    return new Promise((resolve) => {
      this.connected = resolve;
      this.topology.start();
    });
  }

  async run<Answer>(key: string, command: (client: RedisClient) => Promise<Answer>): Promise<Answer> {
    const slot = slotOf(key);
    const client = this.clientOf(this.ownerOf(slot));
    if (!client) throw new RedisAwayError();
    try {
      return await command(client);
    } catch (error) {
      const other = this.redirected(error, slot);
      if (!other) throw error;
      return await command(other);
    }
  }

  /** The name of the master that has the slot. */
  ownerOf(slot: number): string | undefined {
    return this.topology.map?.ownerOf(slot);
  }

  /** Whether every master that has told its version has sharded Pub/Sub. All processes then agree. */
  get isSharded(): boolean {
    return [...this.masters.values()].every(({ version = SHARDED_SINCE }) => version >= SHARDED_SINCE);
  }

  refreshSoon(): void {
    this.topology.refreshSoon();
  }

  async check(timeoutMs: number): Promise<void> {
    if (!this.topology.map) throw new RedisAwayError();
    await Promise.all([...this.masters.values()].map(({ connection }) => connection.check(timeoutMs)));
  }

  async close(timeoutMs: number): Promise<void> {
    this.topology.close();
    await Promise.all([...this.masters.values()].map(({ connection }) => connection.close(timeoutMs)));
  }

  private get isComplete(): boolean {
    return this.topology.map !== undefined && [...this.masters.values()].every(({ connection }) => connection.client);
  }

  private clientOf(name: string | undefined): RedisClient | undefined {
    return name === undefined ? undefined : this.masters.get(name)?.connection.client;
  }

  /** Keeps one connection to each master of the map. */
  private adopt(map: ClusterMap): void {
    for (const [name, { connection }] of this.masters) {
      if (map.masters.has(name)) continue;
      this.masters.delete(name);
      connection.destroy();
    }
    for (const [name, address] of map.masters) if (!this.masters.has(name)) this.open(name, address);
    this.options.onMap?.(map);
  }

  private open(name: string, address: RedisAddress): void {
    const server = { ...this.target, address };
    const connection = new RedisConnection({
      locate: () => server,
      admit: async (client) => {
        const information = await readInformation(client);
        expectClusterNode(information, address);
        master.version = information.version;
      },
      onReady: () => {
        this.options.onVersion?.();
        if (this.isComplete) this.connected();
      },
      onError: (error) => {
        this.options.onError(error);
        this.topology.refreshSoon();
      },
    });
    const master: Master = { address, connection, version: undefined };
    this.masters.set(name, master);
    void connection.connect();
  }

  /**
   * The client of the node that an error names as the place of the slot, which has moved (MOVED) or is being moved (ASK).
   * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#redirection-and-resharding
   */
  private redirected(error: unknown, slot: number): RedisClient | undefined {
    if (!(error instanceof ErrorReply)) return undefined;
    const [, kind, name] = /^(MOVED|ASK) \d+ (\S+)$/.exec(error.message) ?? [];
    if (kind === undefined) return undefined;
    this.topology.refreshSoon();
    const client = this.clientOf(name);
    if (kind === 'MOVED' && client && name !== undefined) this.topology.map?.move(slot, name);
    // Holds for the next command of this connection alone, which is sent in the same turn.
    if (kind === 'ASK') client?.sendCommand(['ASKING']).catch(() => {});
    return client;
  }
}

import { freePort } from './free-port.js';
import type { Keeper } from './keeper.js';
import { PrivateRedis } from './private-redis.js';
import { redisCli } from './redis-cli.js';
import { waitUntil } from './wait-until.js';

/** After so long without an answer a master counts as gone. */
const NODE_TIMEOUT_MS = 1000;
const BOUND_MS = 20_000;

export interface ClusterNode {
  readonly server: PrivateRedis;
  readonly id: string;
}

/** Three masters with a replica each, on this machine, with a password. */
export class PrivateRedisCluster {
  private constructor(
    readonly servers: readonly PrivateRedis[],
    readonly password: string,
  ) {}

  static async start(keeper: Keeper, password: string): Promise<PrivateRedisCluster> {
    const servers: PrivateRedis[] = [];
    for (let index = 0; index < 6; index += 1)
      servers.push(
        await PrivateRedis.start(keeper, {
          'cluster-enabled': 'yes',
          'cluster-node-timeout': NODE_TIMEOUT_MS,
          'cluster-port': await freePort(),
          // A replica that has been away for long may be promoted too.
          'cluster-replica-validity-factor': 0,
          'repl-diskless-sync-delay': 0,
          requirepass: password,
          masterauth: password,
        }),
      );
    const cluster = new PrivateRedisCluster(servers, password);
    const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
    await redisCli(password, ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes']);
    await cluster.settled();
    return cluster;
  }

  /** REDIS_URL, with the password in the first part. */
  get url(): string {
    return this.servers
      .map(({ port }, index) => `redis://${index === 0 ? `:${this.password}@` : ''}127.0.0.1:${port}`)
      .join(',');
  }

  /** Resolves when all nodes that run agree that every slot has a master and every master a replica that follows it. */
  async settled(): Promise<void> {
    await waitUntil('A cluster in order', BOUND_MS, async () => {
      for (const server of this.servers.filter(({ isRunning }) => isRunning)) {
        const information = await this.ask(server, ['CLUSTER', 'INFO']);
        if (!information.includes('cluster_state:ok')) return false;
        const lines = (await this.ask(server, ['CLUSTER', 'NODES'])).split('\n');
        if (lines.some((line) => /fail|handshake| disconnected/.test(line))) return false;
        if (lines.filter((line) => line.includes('master')).length !== 3) return false;
      }
      return (await this.nodes('replica')).length === 3;
    });
  }

  /** The nodes that have this part now, and know it. */
  async nodes(role: 'master' | 'replica'): Promise<ClusterNode[]> {
    const nodes: ClusterNode[] = [];
    for (const server of this.servers.filter(({ isRunning }) => isRunning)) {
      const replication = await this.ask(server, ['INFO', 'replication']);
      const isMaster = replication.includes('role:master');
      if (isMaster !== (role === 'master') || (!isMaster && !replication.includes('master_link_status:up'))) continue;
      nodes.push({ server, id: await this.ask(server, ['CLUSTER', 'MYID']) });
    }
    return nodes;
  }

  /** The master of a key's or channel's slot. */
  async masterOf(name: string): Promise<{ master: ClusterNode; others: ClusterNode[]; slot: number }> {
    const masters = await this.nodes('master');
    const [any] = masters;
    if (!any) throw new Error('The cluster has no master.');
    const slot = Number(await this.ask(any.server, ['CLUSTER', 'KEYSLOT', name]));
    const slots: [number, number, [string, number]][] = JSON.parse(
      await this.ask(any.server, ['--json', 'CLUSTER', 'SLOTS']),
    );
    const port = slots.find(([from, to]) => from <= slot && slot <= to)?.[2][1];
    const master = masters.find(({ server }) => server.port === port);
    if (!master) throw new Error(`No master has slot ${slot}.`);
    return { master, others: masters.filter((each) => each !== master), slot };
  }

  /** The replica of a master takes its place, in agreement with it. */
  async failOver(master: ClusterNode): Promise<void> {
    const nodes = (await this.ask(master.server, ['CLUSTER', 'NODES'])).split('\n');
    const port = nodes
      .map((line) => /:(\d+)@.* slave (\w+) /.exec(line))
      .find((found) => found?.[2] === master.id)?.[1];
    const replica = this.servers.find((server) => server.port === Number(port));
    if (!replica) throw new Error('The master has no replica.');
    await this.ask(replica, ['CLUSTER', 'FAILOVER']);
    await this.promoted(replica);
  }

  /** Resolves when the replica of a master that is away has taken its place. */
  async replaced(away: PrivateRedis): Promise<void> {
    await waitUntil('A promotion', BOUND_MS, async () => {
      const others = this.servers.filter((server) => server !== away);
      const roles = await Promise.all(others.map((server) => this.ask(server, ['ROLE'])));
      return roles.filter((role) => role.startsWith('master')).length === 3;
    });
  }

  /** Moves a slot, with what is stored in it, to another master. */
  async moveSlot(slot: number, from: ClusterNode, to: ClusterNode): Promise<void> {
    await this.ask(to.server, ['CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', from.id]);
    await this.ask(from.server, ['CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', to.id]);
    for (const key of (await this.ask(from.server, ['CLUSTER', 'GETKEYSINSLOT', String(slot), '1000'])).split('\n'))
      if (key !== '')
        await this.ask(from.server, [
          'MIGRATE',
          '127.0.0.1',
          String(to.server.port),
          key,
          '0',
          '2000',
          'AUTH',
          this.password,
        ]);
    for (const { server } of [to, from]) await this.ask(server, ['CLUSTER', 'SETSLOT', String(slot), 'NODE', to.id]);
  }

  ask(server: PrivateRedis, words: readonly string[]): Promise<string> {
    return redisCli(this.password, ['-p', String(server.port), ...words]);
  }

  private async promoted(server: PrivateRedis): Promise<void> {
    await waitUntil('A promotion', BOUND_MS, async () => (await this.ask(server, ['ROLE'])).startsWith('master'));
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { PrivatePostgres } from '../support/private-postgres.js';
import type { PrivateRedis } from '../support/private-redis.js';
import { waitUntil } from '../support/wait-until.js';
import type { NewEntry } from './entries.js';
import type { Fault } from './faults.js';
import type { Journal } from './journal.js';
import { carryOut, type Plan } from './plan.js';
import type { ServiceProcess } from './service-process.js';
import type { TcpProxy } from './tcp-proxy.js';
import type { UnreliableBus } from './unreliable-bus.js';

/** Everything that the injector can break. */
export interface Breakable {
  services: readonly ServiceProcess[];
  postgres: PrivatePostgres;
  redis: PrivateRedis;
  buses: readonly UnreliableBus[];
  /** The service's database. */
  database: string;
  /** The listeners that are reached through a proxy. */
  disturbable: readonly Disturbable[];
}

export interface Disturbable {
  name: string;
  proxy: TcpProxy | undefined;
}

type About = Omit<Extract<NewEntry, { type: 'fault.began' }>, 'type' | 'fault'>;

/** On the slowest machine. */
const FILL_BOUND_MS = 120_000;

/** How the service names its connections to PostgreSQL. */
const APPLICATION_NAME = 'chat-api';

/** Causes and repairs the faults of a plan at their times, and journals both. */
export class FaultInjector {
  /** The number of faults so far. Each cut connection counts. */
  count = 0;
  private number = 0;

  constructor(
    private readonly breakable: Breakable,
    private readonly journal: Journal,
  ) {}

  /** Resolves when every step was performed and all faults are repaired. */
  async run(plan: Plan): Promise<void> {
    await carryOut(plan, (fault) => this.perform(fault));
  }

  private async perform(fault: Fault): Promise<void> {
    const { postgres, redis, services, buses, database } = this.breakable;
    switch (fault.kind) {
      case 'kill service': {
        const service = services[fault.service];
        if (!service) throw new Error(`There is no service ${fault.service}.`);
        return this.during({ name: fault.kind, target: 'service', service: fault.service }, async () => {
          await service.kill();
          await sleep(fault.forMs);
          await service.restart();
        });
      }
      case 'crash postgres':
        return this.during({ name: fault.kind, target: 'postgres' }, async () => {
          await postgres.crash();
          await sleep(fault.forMs);
          await postgres.restart();
        });
      case 'terminate backends':
        return this.during({ name: fault.kind, target: 'postgres' }, async () => {
          await postgres.terminateBackends(APPLICATION_NAME);
        });
      case 'freeze postgres':
        return this.during({ name: fault.kind, target: 'postgres' }, async () => {
          postgres.freeze();
          await sleep(fault.forMs);
          postgres.thaw();
        });
      case 'hold transaction':
        return this.during({ name: fault.kind, target: 'horizon' }, () =>
          postgres.holdTransaction(database, fault.forMs),
        );
      case 'kill redis':
        return this.during({ name: fault.kind, target: 'redis' }, async () => {
          await redis.kill();
          await sleep(fault.forMs);
          await redis.restart();
        });
      case 'freeze redis':
        return this.during({ name: fault.kind, target: 'redis' }, async () => {
          redis.freeze();
          await sleep(fault.forMs);
          redis.thaw();
        });
      case 'cut redis clients':
        return this.during({ name: fault.kind, target: 'redis' }, async () => {
          for (let passed = 0; passed < fault.forMs; passed += fault.everyMs) {
            // One after the other: the connection that asks for the one is a client of the other kind.
            await redis.cutClients('pubsub');
            await redis.cutClients('normal');
            this.count += 1;
            await sleep(fault.everyMs);
          }
        });
      case 'disturb bus':
        return this.during({ name: fault.kind, target: 'bus' }, async () => {
          const before = disturbedOf(buses);
          for (const bus of buses) bus.disturbance = fault.disturbance;
          await sleep(fault.forMs);
          for (const bus of buses) bus.disturbance = { loss: 0, repetition: 0, delay: 0 };
          this.count += disturbedOf(buses) - before;
        });
      case 'cut clients':
        return this.duringOf(fault.clients, 'cut', async (listeners) => {
          for (const { proxy } of listeners) proxy?.cut();
        });
      case 'slow clients':
        return this.duringOf(fault.clients, 'slow', async (listeners) => {
          for (const { proxy } of listeners) proxy?.slow(fault.bytesPerSecond);
          await sleep(fault.forMs);
          for (const { proxy } of listeners) proxy?.heal();
        });
      case 'stall clients':
        return this.duringOf(fault.clients, 'stall', async (listeners) => {
          for (const { proxy } of listeners) proxy?.stall('to client');
          const number = this.number;
          const enough = this.journal.acknowledged + fault.fillMessages;
          await waitUntil('The filling of every buffer', FILL_BOUND_MS, () => this.journal.acknowledged >= enough);
          this.journal.write({ type: 'fault.filled', fault: number });
          await sleep(fault.forMs);
          for (const { proxy } of listeners) proxy?.heal();
        });
    }
  }

  private async duringOf(clients: number[], name: string, work: (listeners: Disturbable[]) => Promise<void>) {
    const listeners = this.breakable.disturbable.filter((_, index) => clients.includes(index));
    await this.during({ name, target: 'clients', listeners: listeners.map((each) => each.name) }, () =>
      work(listeners),
    );
  }

  private async during(about: About, work: () => Promise<void>): Promise<void> {
    this.number += 1;
    this.count += 1;
    const fault = this.number;
    this.journal.write({ type: 'fault.began', fault, ...about });
    await work();
    this.journal.write({ type: 'fault.ended', fault });
  }
}

function disturbedOf(buses: readonly UnreliableBus[]): number {
  return buses.reduce((sum, bus) => sum + bus.disturbed, 0);
}

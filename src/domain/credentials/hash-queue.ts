import { customerNetwork } from '../address.js';
import { DomainError, serviceBusy } from '../errors.js';
import type { OwnerLimits } from '../queues/memory-quota.js';
import { RoundRobin } from '../queues/round-robin.js';

/** For whom a task runs. */
export interface Lane {
  /** The network that the request came from, or a name where there is no address. */
  network: string;
  /** The account that the request names, whether it exists or not. Tasks without one share the turns of their network alone. */
  account?: string | undefined;
}

/** The lane of a request from `address` that names `account`. */
export function laneOf(address: string | undefined, account: string): Lane {
  return { network: address === undefined ? '' : customerNetwork(address), account };
}

interface HashQueueOptions {
  /** How many tasks run at the same time. */
  parallel: number;
  /** How many more may wait. When that many wait, a new one displaces the newest of the network that has most. */
  maxWaiting: number;
  /** How many may wait for one account from one network. */
  maxPerAccount: number;
}

interface Waiting {
  start: () => void;
  refuse: (error: DomainError) => void;
}

/** The tasks of one network. Its accounts take turns; a task without an account gets a symbol of its own. */
type NetworkQueue = RoundRobin<string | symbol, Waiting>;

/**
 * Runs tasks a few at a time. Networks take turns, and accounts take turns within their network: whoever sends many tasks
 * delays only their own.
 */
export class HashQueue {
  private running = 0;
  private waiting = 0;
  /** A Map keeps the order in which its keys were added: the network whose turn is next is the first key. */
  private readonly networks = new Map<string, NetworkQueue>();

  private readonly accountLimits: OwnerLimits;

  constructor(private readonly options: HashQueueOptions) {
    this.accountLimits = { count: options.maxPerAccount, bytes: Number.POSITIVE_INFINITY };
  }

  /**
   * @throws DomainError `RATE_LIMITED` when too many tasks wait for this account from this network, `SERVICE_UNAVAILABLE` when
   * too many wait in all and this network has most of them; otherwise what the task throws.
   */
  async run<Result>(lane: Lane, task: () => Promise<Result>): Promise<Result> {
    await this.enter(lane);
    try {
      return await task();
    } finally {
      this.leave();
    }
  }

  private enter({ network, account }: Lane): Promise<void> {
    if (this.running < this.options.parallel) {
      this.running += 1;
      return Promise.resolve();
    }
    const queue: NetworkQueue = this.networks.get(network) ?? new RoundRobin(this.accountLimits);
    const owner = account ?? Symbol('no account');
    if (!queue.hasRoom(owner)) return Promise.reject(tooManyOfAccount());
    if (this.waiting >= this.options.maxWaiting && !this.displaceFor(queue)) return Promise.reject(serviceBusy());
    this.networks.set(network, queue);
    this.waiting += 1;
    return new Promise((start, refuse) => queue.add(owner, { start, refuse }));
  }

  /** Refuses the newest task of the network that has most. Returns false when the newcomer's network would have as many. */
  private displaceFor(newcomers: NetworkQueue): boolean {
    let longest: NetworkQueue | undefined;
    let most = newcomers.size + 1;
    for (const queue of this.networks.values())
      if (queue.size > most) {
        most = queue.size;
        longest = queue;
      }
    const displaced = longest?.takeNewestOfLongest();
    if (!displaced) return false;
    this.waiting -= 1;
    displaced.refuse(serviceBusy());
    return true;
  }

  /** Hands the free place to the next task, so that no new task overtakes those that wait. */
  private leave(): void {
    for (const [network, queue] of this.networks) {
      const next = queue.next();
      this.networks.delete(network);
      if (queue.size > 0) this.networks.set(network, queue);
      if (!next) continue;
      this.waiting -= 1;
      next.start();
      return;
    }
    this.running -= 1;
  }
}

function tooManyOfAccount(): DomainError {
  return new DomainError('RATE_LIMITED', 'Too many attempts at once. Please try again later.', { retryAfterMs: 1000 });
}

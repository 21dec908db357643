import { DomainError } from '../errors.js';

export interface FairSlotsLimits {
  /** Slots that one owner may hold at the same time. */
  perOwner: number;
  /** Slots in all. */
  total: number;
  /** Requests of one owner that may wait. */
  waitingPerOwner: number;
  /**
   * Requests that may wait in all; unlimited by default. An owner may have no more waiting requests than there are free places,
   * so one owner alone fills half of the places and leaves the rest to others.
   */
  waiting?: number;
}

/** A slot that is held or waited for. */
export interface Slot {
  /** Resolves when the work may begin; undefined when it may begin at once. Never settles once `release` was called. */
  readonly granted: Promise<void> | undefined;
  /** Releases the slot, or leaves the queue. Further calls do nothing. */
  release(): void;
}

interface Owner {
  running: number;
  waiting: Set<() => void>;
}

const RETRY_AFTER_MS = 1000;

/**
 * Limits expensive work that runs at the same time, per owner and in all. Owners who wait for a slot take turns, so an owner
 * with much work delays only their own.
 */
export class FairSlots {
  private readonly owners = new Map<string, Owner>();
  /** Owners with waiting requests, in the order of their turns. */
  private readonly ready = new Set<string>();
  private running = 0;
  private waiting = 0;

  /** @param refusal makes the error of `take`; `RATE_LIMITED` by default */
  constructor(
    private readonly limits: Readonly<FairSlotsLimits>,
    private readonly refusal: () => DomainError = tooManyWait,
  ) {}

  /** @throws DomainError `RATE_LIMITED`, or the error that `refusal` makes, when too many requests wait */
  take(name: string): Slot {
    const owner = this.owners.get(name) ?? { running: 0, waiting: new Set() };
    const { perOwner, total, waitingPerOwner, waiting = Number.POSITIVE_INFINITY } = this.limits;
    if (owner.running < perOwner && this.running < total) {
      this.owners.set(name, owner);
      this.begin(owner);
      return { granted: undefined, release: this.once(() => this.end(name, owner)) };
    }
    if (owner.waiting.size >= Math.min(waitingPerOwner, waiting - this.waiting)) throw this.refusal();
    this.owners.set(name, owner);
    return this.wait(name, owner);
  }

  private wait(name: string, owner: Owner): Slot {
    let isGranted = false;
    let grant = () => {};
    const granted = new Promise<void>((resolve) => {
      grant = () => {
        isGranted = true;
        resolve();
      };
    });
    owner.waiting.add(grant);
    this.waiting += 1;
    this.ready.add(name);
    const release = () => {
      if (isGranted) this.end(name, owner);
      else this.leave(name, owner, grant);
    };
    return { granted, release: this.once(release) };
  }

  private begin(owner: Owner): void {
    owner.running += 1;
    this.running += 1;
  }

  private end(name: string, owner: Owner): void {
    owner.running -= 1;
    this.running -= 1;
    this.forgetIdle(name, owner);
    this.grantNext();
  }

  private leave(name: string, owner: Owner, grant: () => void): void {
    owner.waiting.delete(grant);
    this.waiting -= 1;
    this.forgetIdle(name, owner);
  }

  private forgetIdle(name: string, { running, waiting }: Owner): void {
    if (waiting.size === 0) this.ready.delete(name);
    if (waiting.size === 0 && running === 0) this.owners.delete(name);
  }

  private grantNext(): void {
    for (const name of this.ready) {
      if (this.running >= this.limits.total) return;
      const owner = this.owners.get(name);
      const [grant] = owner?.waiting ?? [];
      if (!owner || !grant || owner.running >= this.limits.perOwner) continue;
      owner.waiting.delete(grant);
      this.waiting -= 1;
      // The owner goes behind the others.
      this.ready.delete(name);
      if (owner.waiting.size > 0) this.ready.add(name);
      this.begin(owner);
      grant();
    }
  }

  private once(release: () => void): () => void {
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      release();
    };
  }
}

function tooManyWait(): DomainError {
  return new DomainError('RATE_LIMITED', 'Too many of your large requests are waiting. Please slow down.', {
    retryAfterMs: RETRY_AFTER_MS,
  });
}

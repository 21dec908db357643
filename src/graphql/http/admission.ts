import { DomainError } from '../../domain/errors.js';
import { FairSlots, type Slot } from '../../domain/queues/fair-slots.js';
import { Quota } from '../../plugins/limits/quota.js';
import type { Documents, OperationRequest, Verdict } from '../documents/documents.js';
import type { EventLoopTurns } from '../documents/event-loop-turns.js';

export interface AdmissionLimits {
  /** Large queries and mutations of one user that run at a time; more of them queue. */
  largeOperationsPerUser: number;
  /** Fields that one event may cost for all subscriptions of one user together, each counted as at least 10. */
  subscriptionFieldsPerUser: number;
}

export const DEFAULT_ADMISSION: Readonly<AdmissionLimits> = {
  largeOperationsPerUser: 4,
  subscriptionFieldsPerUser: 10_000,
};

/** A query or mutation of more fields is large, as a page of history is. Smaller ones take well below a millisecond. */
const LARGE = 200;
/** The same for introspection, which graphql executes in one piece. */
const LARGE_INTROSPECTION = 1000;
/** Large operations of all users that run at a time. */
const LARGE_AT_A_TIME = 32;
const WAITING_PER_USER = 256;
/** Documents of one user that may wait to be parsed. Parsing one of 1000 tokens takes a few milliseconds. */
const UNREAD_PER_USER = 1000;
/** The least number of fields a subscription counts as, since an execution has a fixed cost. */
const LEAST_SUBSCRIPTION = 10;
/** Subscriptions that may start in one turn of the event loop; more wait for further turns. */
const STARTED_PER_TURN = 8;

/**
 * Admission control of operations. New documents are parsed in rotation of their users and checked; large operations wait for
 * one of their user's slots; subscriptions are bounded by the sum of their costs.
 */
export class Admission {
  private readonly large: FairSlots;
  private readonly introspections = new FairSlots({ perOwner: 1, total: 1, waitingPerOwner: WAITING_PER_USER });
  private readonly subscriptions: Quota;
  private readonly unread = new Quota(UNREAD_PER_USER);
  /** Subscriptions started in this turn of the event loop. */
  private started = 0;

  constructor(
    private readonly documents: Documents,
    private readonly turns: EventLoopTurns,
    { largeOperationsPerUser, subscriptionFieldsPerUser }: Readonly<AdmissionLimits> = DEFAULT_ADMISSION,
  ) {
    this.large = new FairSlots({
      perOwner: largeOperationsPerUser,
      total: LARGE_AT_A_TIME,
      waitingPerOwner: WAITING_PER_USER,
    });
    this.subscriptions = new Quota(subscriptionFieldsPerUser);
  }

  /**
   * Resolves in the turn of the event loop in which to check a new document; undefined when the document needs no parsing. One
   * document is parsed per turn, owners in rotation, so that a burst of new documents delays its sender alone. The turns of one
   * owner come in the order of the calls.
   * @throws DomainError `RATE_LIMITED` when too many of the owner's documents wait already
   */
  turnToRead({ query }: OperationRequest, owner: string): Promise<void> | undefined {
    if (this.documents.isCachedOrTooLong(query)) return undefined;
    if (!this.unread.take(owner))
      throw new DomainError('RATE_LIMITED', 'Too many of your new documents wait to be read. Please slow down.', {
        retryAfterMs: 1000,
      });
    return this.turns.next(owner).then(() => this.unread.release(owner));
  }

  /** Whether an operation may run at all, by the rules for documents. */
  check(request: OperationRequest): Verdict {
    return this.documents.check(request);
  }

  /**
   * Takes the slot that an operation holds until it ends; undefined when it is small and needs none.
   * @param owner the key that it counts under
   * @throws DomainError `RATE_LIMITED` when the owner has too much under way
   */
  takeSlot({ type, weight, introspection }: Exclude<Verdict, { errors: unknown }>, owner: string): Slot | undefined {
    if (type === 'subscription') return this.subscribe(owner, weight);
    if (introspection > LARGE_INTROSPECTION) return this.introspections.take(owner);
    return weight > LARGE ? this.large.take(owner) : undefined;
  }

  private subscribe(owner: string, weight: number): Slot {
    const cost = Math.max(weight, LEAST_SUBSCRIPTION);
    if (!this.subscriptions.take(owner, cost))
      throw new DomainError(
        'RATE_LIMITED',
        'Your open subscriptions ask for too many fields. End some of them, or ask for less in each.',
        { retryAfterMs: 1000 },
      );
    return { granted: this.turnToStart(owner), release: () => this.subscriptions.release(owner, cost) };
  }

  /** Spreads a burst of subscriptions over several turns, since setting one up takes about a millisecond. */
  private turnToStart(owner: string): Promise<void> | undefined {
    if (this.started === 0)
      setImmediate(() => {
        this.started = 0;
      });
    this.started += 1;
    return this.started > STARTED_PER_TURN ? this.turns.next(owner) : undefined;
  }
}

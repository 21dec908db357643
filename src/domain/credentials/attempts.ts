import { createHash } from 'node:crypto';
import { networksOf } from '../address.js';
import { DomainError } from '../errors.js';
import { usernameKey } from '../names.js';

/** Stores the counters of failures: in this process, or where all processes share them. */
export interface AttemptStore {
  /** How much longer each of the keys is blocked, in milliseconds; 0 for a key that is not blocked. */
  blockedMs(keys: readonly string[]): Promise<readonly number[]>;
  /** Adds 1 to a counter and returns its value. The counter is reset `windowMs` after the last addition. */
  count(key: string, windowMs: number): Promise<number>;
  block(key: string, ms: number): Promise<void>;
  /** Deletes the counter and the block of a key. */
  forget(key: string): Promise<void>;
  /** Remembers a key for `ms` milliseconds, independently of its counter and its block. */
  remember(key: string, ms: number): Promise<void>;
  remembers(key: string): Promise<boolean>;
}

/** How many failures are allowed before a block. `Infinity` switches a limit off. */
export interface AttemptLimits {
  /** At one account from one network. Wider networks may have 4 and 8 times as many, all networks together 20 times. */
  perAccount: number;
  /** From one network at any target. Wider networks may have 4 and 8 times as many. */
  perAddress: number;
  /** At one client from one network. Wider networks may have 4 and 8 times as many. */
  perClient: number;
  /** The longest block. Failures are remembered twice as long, so that the next block does not start at one second again. */
  longestBlockSeconds: number;
}

export const DEFAULT_ATTEMPT_LIMITS: AttemptLimits = {
  perAccount: 10,
  perAddress: 300,
  perClient: 60,
  longestBlockSeconds: 300,
};

/** The target of an attempt and its origin. Members that are undefined are not counted. */
export interface AttemptSubject {
  /** A username as it was typed, of an existing user or not. All spellings of one name count as one. */
  account?: string | undefined;
  /** An IP address, or another name for the origin, which counts as a network of its own. */
  address?: string | undefined;
  /** A client id. */
  client?: string | undefined;
}

interface Counter {
  key: string;
  /** Failures that are allowed before a block. */
  allowed: number;
  /** The counting period, for a counter that restarts with each period. */
  period?: string;
}

const FIRST_BLOCK_MS = 1000;
/** Times `perAccount`: more than the factor of one provider's widest network, so that only several networks reach it. */
const ALL_NETWORKS_FACTOR = 20;
/** How long a network is trusted for an account after a sign-in, in milliseconds. */
const TRUSTED_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * Limits guessing of passwords and secrets without locking out their owners. Counts failures per target and network, and per
 * network alone. After the allowed failures, each further one doubles the block, from 1 s up to the longest block. While a network
 * is blocked, nothing is verified or counted. A block of one network does not affect an owner in another.
 *
 * All networks together have `ALL_NETWORKS_FACTOR` times `perAccount` guesses at an account per period of the longest block. After
 * that, only networks from which the account signed in during the last 30 days may try.
 */
export class Attempts {
  constructor(
    private readonly store: AttemptStore,
    private readonly limits: AttemptLimits,
  ) {}

  /** @throws DomainError `RATE_LIMITED`, with `retryAfterMs`, while the subject is blocked */
  async admit(subject: AttemptSubject): Promise<void> {
    const own = await this.longestBlock(this.ownCounters(subject));
    const shared = await this.longestBlock(this.sharedCounters(subject));
    const retryAfterMs = Math.max(own, shared > own && (await this.isTrusted(subject)) ? 0 : shared);
    if (retryAfterMs > 0)
      throw new DomainError('RATE_LIMITED', 'Too many attempts that failed. Please try again later.', { retryAfterMs });
  }

  async failed(subject: AttemptSubject): Promise<void> {
    const counters = [...this.ownCounters(subject), ...this.sharedCounters(subject)];
    await Promise.all(counters.map((counter) => this.countFailure(counter)));
  }

  /**
   * Resets the failures at this target from this network, and trusts the network for the target from now on. Other failures of
   * the network, and failures at the target from other networks, stay counted.
   */
  async succeeded(subject: AttemptSubject): Promise<void> {
    const trusted = trustKeys(subject).map((key) => this.store.remember(key, TRUSTED_MS));
    await Promise.all([...this.ownCounters(subject).map(({ key }) => this.store.forget(key)), ...trusted]);
  }

  private async longestBlock(counters: readonly Counter[]): Promise<number> {
    if (counters.length === 0) return 0;
    return Math.max(...(await this.store.blockedMs(counters.map(({ key }) => key))));
  }

  /** True when the account or client has authenticated from this network in the last 30 days. */
  async isTrusted(subject: AttemptSubject): Promise<boolean> {
    const trusted = await Promise.all(trustKeys(subject).map((key) => this.store.remembers(key)));
    return trusted.includes(true);
  }

  private async countFailure({ key, allowed, period }: Counter): Promise<void> {
    const longestMs = this.limits.longestBlockSeconds * 1000;
    const count = await this.store.count(period === undefined ? key : `${key}:${period}`, 2 * longestMs);
    if (count < allowed) return;
    await this.store.block(
      key,
      period === undefined ? Math.min(longestMs, FIRST_BLOCK_MS * 2 ** (count - allowed)) : longestMs,
    );
  }

  /** Counters of this network at this account or client. They block trusted networks too. */
  private ownCounters(subject: AttemptSubject): Counter[] {
    const [nearest] = networksAround(subject.address);
    return this.targets(subject).map(({ kind, name, allowed }) => ({
      key: keyOf(kind, name, nearest?.name ?? ''),
      allowed,
    }));
  }

  /** Counters that other networks or targets share. They do not block a trusted network. */
  private sharedCounters(subject: AttemptSubject): Counter[] {
    const networks = networksAround(subject.address);
    const widerNetworks = this.targets(subject).flatMap(({ kind, name, allowed }) =>
      networks.slice(1).map((network) => ({ key: keyOf(kind, name, network.name), allowed: allowed * network.factor })),
    );
    const anyTarget = networks.map(({ name, factor }) => ({
      key: keyOf('address', name),
      allowed: this.limits.perAddress * factor,
    }));
    return [...widerNetworks, ...anyTarget, ...this.allNetworks(subject)].filter(({ allowed }) => allowed !== Infinity);
  }

  /** Restarts with each period: otherwise an occasional guess would block the account for ever. */
  private allNetworks({ account }: AttemptSubject): Counter[] {
    if (account === undefined) return [];
    const period = String(Math.floor(Date.now() / (this.limits.longestBlockSeconds * 1000)));
    return [
      { key: keyOf('everywhere', usernameKey(account)), allowed: this.limits.perAccount * ALL_NETWORKS_FACTOR, period },
    ];
  }

  private targets({ account, client }: AttemptSubject): { kind: string; name: string; allowed: number }[] {
    const { perAccount, perClient } = this.limits;
    return [
      ...(account === undefined ? [] : [{ kind: 'account', name: usernameKey(account), allowed: perAccount }]),
      ...(client === undefined ? [] : [{ kind: 'client', name: client, allowed: perClient }]),
    ].filter(({ allowed }) => allowed !== Infinity);
  }
}

/** A text that is not an address counts as a network of its own. */
function networksAround(address: string | undefined) {
  if (address === undefined) return [];
  const networks = networksOf(address);
  return networks.length > 0 ? networks : [{ name: address, factor: 1 }];
}

function trustKeys({ account, client, address }: AttemptSubject): string[] {
  const [network] = networksAround(address);
  if (!network) return [];
  return [
    ...(account === undefined ? [] : [keyOf('account', usernameKey(account), network.name)]),
    ...(client === undefined ? [] : [keyOf('client', client, network.name)]),
  ];
}

/** Hashed for a fixed length, and because people sometimes type a password into the field for the name. */
function keyOf(kind: string, ...names: string[]): string {
  return `${kind}:${createHash('sha256').update(JSON.stringify(names)).digest('base64url')}`;
}

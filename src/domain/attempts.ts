import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { DomainError } from './errors.js';

/** Where failures are counted: in this process, or in a place that all processes share. */
export interface AttemptStore {
  /** How long each of the keys is blocked, in milliseconds; 0 for one that is not. */
  blockedMs(keys: readonly string[]): Promise<readonly number[]>;
  /** Counts one more and returns how many there are. They are forgotten `windowMs` after the last one. */
  count(key: string, windowMs: number): Promise<number>;
  block(key: string, ms: number): Promise<void>;
  forget(key: string): Promise<void>;
}

/** How many failures are free. `Infinity` where a limit is switched off. */
export interface AttemptLimits {
  perAccount: number;
  perAddress: number;
  perClient: number;
  /** The longest block. Failures are forgotten twice as long after the last one, or the next block would begin anew. */
  longestBlockSeconds: number;
}

export const DEFAULT_ATTEMPT_LIMITS: AttemptLimits = {
  perAccount: 10,
  perAddress: 300,
  perClient: 60,
  longestBlockSeconds: 300,
};

/** What a guess is aimed at and where it comes from; what is not known is not counted. */
export interface AttemptSubject {
  /** A username, whether there is such a user or not. */
  account?: string | undefined;
  /** An IP address. */
  address?: string | undefined;
  /** A client id. */
  client?: string | undefined;
}

const FIRST_BLOCK_MS = 1000;

/**
 * Slows down those who guess passwords and secrets. Only failures count. Once the free ones are used up each further failure
 * blocks for twice as long as the one before, from a second to the longest block; while blocked nothing is tried, right or
 * wrong, and nothing is counted. So a guesser gets little, and an owner whom somebody locks out soon gets in again.
 */
export class Attempts {
  constructor(
    private readonly store: AttemptStore,
    private readonly limits: AttemptLimits,
  ) {}

  /** @throws DomainError `RATE_LIMITED`, with when to try again */
  async admit(subject: AttemptSubject): Promise<void> {
    const keys = this.entries(subject).map(({ key }) => key);
    if (keys.length === 0) return;
    const retryAfterMs = Math.max(...(await this.store.blockedMs(keys)));
    if (retryAfterMs > 0)
      throw new DomainError('RATE_LIMITED', 'Too many attempts that failed. Please try again later.', { retryAfterMs });
  }

  async failed(subject: AttemptSubject): Promise<void> {
    await Promise.all(this.entries(subject).map((entry) => this.countFailure(entry)));
  }

  /** The owner was there: their own failures are forgotten. Those of the address are not, which may have other aims. */
  async succeeded(subject: AttemptSubject): Promise<void> {
    const own = this.entries({ account: subject.account, client: subject.client });
    await Promise.all(own.map(({ key }) => this.store.forget(key)));
  }

  private async countFailure({ key, free }: { key: string; free: number }): Promise<void> {
    const longestMs = this.limits.longestBlockSeconds * 1000;
    const count = await this.store.count(key, 2 * longestMs);
    if (count < free) return;
    await this.store.block(key, Math.min(longestMs, FIRST_BLOCK_MS * 2 ** (count - free)));
  }

  private entries({ account, address, client }: AttemptSubject): { key: string; free: number }[] {
    const { perAccount, perAddress, perClient } = this.limits;
    return [
      { kind: 'account', name: account, free: perAccount },
      { kind: 'address', name: address === undefined ? undefined : networkOf(address), free: perAddress },
      { kind: 'client', name: client, free: perClient },
    ].flatMap(({ kind, name, free }) =>
      name === undefined || free === Infinity ? [] : [{ key: keyOf(kind, name), free }],
    );
  }
}

/** Of one length, and without the name, which somebody may have typed a password into. */
function keyOf(kind: string, name: string): string {
  return `${kind}:${createHash('sha256').update(name).digest('base64url')}`;
}

/** One customer has a /64 of IPv6 or more, and could take another address for every guess. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const { hostname } = new URL(`http://[${address.replace(/%.*$/, '')}]`);
  const [head = '', tail] = hostname.slice(1, -1).split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail ? tail.split(':') : [];
  const all = [...groups, ...Array<string>(Math.max(0, 8 - groups.length - rest.length)).fill('0'), ...rest];
  // An IPv4 address in IPv6's clothes.
  if (all.slice(0, 6).join(':') === '0:0:0:0:0:ffff') return all.slice(6).join(':');
  return all.slice(0, 4).join(':');
}

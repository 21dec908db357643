import { availableParallelism } from 'node:os';
import { hash, type Options } from '@node-rs/argon2';
import { normalized } from '../text.js';
import { CURRENT_SCHEME, decoysFor } from './decoy-hashes.js';
import { HashQueue, type Lane } from './hash-queue.js';
import { verifyByScheme } from './password-schemes.js';

/** Parameters of argon2id; memory in KiB. https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html */
const ARGON2ID: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/**
 * Hashes run on libuv's four threads, which also open files and resolve names. Two or three hashes at a time leave it at least
 * one thread. A hash takes 17 ms.
 */
const DEFAULT_LIMIT = {
  parallel: Math.min(3, Math.max(2, availableParallelism())),
  maxWaiting: 128,
  maxPerAccount: 8,
};

/** The lane of hashes without a requester: the operator's commands, and client secrets that come without an address. */
const SERVICE: Lane = { network: 'service' };

/** NFKC, so that a password is the same from every keyboard: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver */
function normalize(password: string): string {
  return normalized(password, 'NFKC');
}

/** Hashes secrets that people choose with argon2id, in PHC format. Generated secrets need no slow hash. */
export class PasswordHasher {
  private queue: HashQueue;
  private lane = SERVICE;

  constructor(limit: { parallel: number; maxWaiting: number; maxPerAccount?: number } = DEFAULT_LIMIT) {
    this.queue = new HashQueue({ maxPerAccount: DEFAULT_LIMIT.maxPerAccount, ...limit });
  }

  /** This hasher, with the same queue, for requests of one lane. Networks take turns, and accounts within a network. */
  for(lane: Lane): PasswordHasher {
    const hasher = new PasswordHasher();
    hasher.queue = this.queue;
    hasher.lane = lane;
    return hasher;
  }

  /** @throws DomainError `SERVICE_UNAVAILABLE` or `RATE_LIMITED` when too many hashes wait (`HashQueue.run`) */
  hash(password: string): Promise<string> {
    return this.queue.run(this.lane, () => hash(normalize(password), ARGON2ID));
  }

  /**
   * True when `storedHash` is a hash of `password`. Without a hash (no such user, or a user without a password) it does the same
   * work and returns false, so that the time does not reveal whether a user exists.
   * @param admit called when the hash's turn has come; `verify` rejects when it rejects
   * @param inUse other schemes of stored hashes (`ForeignSchemes`): a refusal does the work of all of them
   * @throws DomainError as `hash`
   */
  async verify(
    storedHash: string | null,
    password: string,
    admit?: () => Promise<void>,
    inUse: readonly string[] = [],
  ): Promise<boolean> {
    const composed = normalize(password);
    // The password as typed matches hashes from before passwords were normalized, and those of other services.
    const forms = composed === password ? [password] : [composed, password];
    return this.queue.run(this.lane, async () => {
      await admit?.();
      if (storedHash !== null && (await matchesAny(storedHash, forms))) return true;
      for (const decoy of decoysFor(storedHash, inUse)) await matchesAny(decoy, forms);
      return false;
    });
  }

  /** True for a hash with older parameters or of another scheme. A successful sign-in replaces it. */
  needsRehash(storedHash: string): boolean {
    return !storedHash.startsWith(`${CURRENT_SCHEME}$`);
  }
}

async function matchesAny(storedHash: string, passwords: readonly string[]): Promise<boolean> {
  for (const password of passwords) if (await verifyByScheme(storedHash, password)) return true;
  return false;
}

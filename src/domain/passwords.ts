import { availableParallelism } from 'node:os';
import { hash, type Options } from '@node-rs/argon2';
import { verifyByScheme } from './password-schemes.js';
import { WorkLimit } from './work-limit.js';

/** Memory in KiB, passes and lanes of argon2id: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html */
const ARGON2ID: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const CURRENT_HASH = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/;

/**
 * Hashes run on the four threads that libuv also opens files and resolves names with. Two or three at a time leave it
 * one; the rest waits its turn, at 17 ms each.
 */
const DEFAULT_LIMIT = { parallel: Math.min(3, Math.max(2, availableParallelism())), maxWaiting: 128 };

/** Slow hashes of what people choose: argon2id in PHC format. What the service generates needs none of this. */
export class PasswordHasher {
  private readonly work: WorkLimit;
  private decoy: Promise<string> | undefined;

  constructor(limit: { parallel: number; maxWaiting: number } = DEFAULT_LIMIT) {
    this.work = new WorkLimit(limit);
  }

  /** @throws DomainError `SERVICE_UNAVAILABLE` when too many hashes wait already. */
  hash(password: string): Promise<string> {
    return this.work.run(() => hash(password, ARGON2ID));
  }

  /**
   * True when `password` made `storedHash`. Without a hash (no such user, or one without a password) it takes the same
   * time and is false, so that the time does not tell who exists. `admit` is asked once it is this password's turn; what it
   * throws comes out.
   * @throws DomainError `SERVICE_UNAVAILABLE` when too many hashes wait already.
   */
  async verify(storedHash: string | null, password: string, admit?: () => Promise<void>): Promise<boolean> {
    const subject = storedHash ?? (await this.decoyHash());
    const matches = await this.work.run(async () => {
      await admit?.();
      return verifyByScheme(subject, password);
    });
    return matches && storedHash !== null;
  }

  /** True for a hash of older parameters or another scheme, which a successful sign-in replaces. */
  needsRehash(storedHash: string): boolean {
    return !CURRENT_HASH.test(storedHash);
  }

  /** Of a password that nobody knows, with the parameters of the real ones. */
  private decoyHash(): Promise<string> {
    this.decoy ??= this.hash(crypto.randomUUID()).catch((error: unknown) => {
      this.decoy = undefined;
      throw error;
    });
    return this.decoy;
  }
}

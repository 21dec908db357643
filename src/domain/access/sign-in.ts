import type { AttemptSubject, Attempts } from '../credentials/attempts.js';
import { ForeignSchemes } from '../credentials/decoy-hashes.js';
import { laneOf } from '../credentials/hash-queue.js';
import type { PasswordHasher } from '../credentials/passwords.js';
import type { Database } from '../database.js';
import { usernameKey } from '../names.js';
import { pickByUsername, whereUsername } from '../people/users.js';
import type { UserProfile } from '../profile.js';
import { PROFILE_FIELDS, toProfile } from '../profile.js';

/** Longest username, in characters. */
const MAX_USERNAME = 150;

/** A user who gave the right password. */
export interface SignedIn {
  user: UserProfile;
  /** The version of the verified password. A token family starts only while it is still the user's (`NewFamily`). */
  passwordVersion: number;
}

/** Verifies usernames and passwords. Every sign-in with a password goes through this class. */
export class SignIn {
  private readonly foreignSchemes: ForeignSchemes;

  constructor(
    private readonly db: Database,
    private readonly passwords: PasswordHasher,
    private readonly attempts: Attempts,
  ) {
    this.foreignSchemes = new ForeignSchemes(db);
  }

  /**
   * Returns the active user with this name and password. Returns undefined, after the same work, for an unknown user, a wrong
   * password, an inactive user and a user without a password; also when some users have imported hashes that cost more.
   * @param address the IP address that the password came from, for counting failures
   * @throws DomainError `RATE_LIMITED` after too many failures, `SERVICE_UNAVAILABLE` or `RATE_LIMITED` when too many sign-ins of
   * this network or account wait
   */
  async authenticate(username: string, password: string, address?: string): Promise<SignedIn | undefined> {
    const subject: AttemptSubject = { account: username, address };
    // `verify` asks again when the turn has come: a flood of guesses gets no more tries than hashes that run in parallel.
    await this.attempts.admit(subject);
    const [user, schemes] = await Promise.all([this.find(username), this.foreignSchemes.list()]);
    const passwords = this.passwords.for(laneOf(address, usernameKey(username)));
    const storedHash = user?.isActive ? user.passwordHash : null;
    const admit = () => this.attempts.admit(subject);
    if (!(await passwords.verify(storedHash, password, admit, schemes)) || !user || storedHash === null) {
      await this.attempts.failed(subject);
      return undefined;
    }
    await this.attempts.succeeded(subject);
    if (this.passwords.needsRehash(storedHash)) await this.rehash(passwords, user.id, storedHash, password);
    return { user: toProfile(user), passwordVersion: user.passwordVersion };
  }

  /** PostgreSQL rejects U+0000 and lone surrogates. No user has such a name. */
  private async find(username: string) {
    if (username.length > 2 * MAX_USERNAME || username.includes('\0') || !username.isWellFormed()) return undefined;
    const named = await this.db.prisma.user.findMany({
      where: whereUsername(username),
      select: { ...PROFILE_FIELDS, passwordHash: true, passwordVersion: true, isActive: true },
    });
    return pickByUsername(named, username);
  }

  /** Replaces the hash only if it is still the old one: a password changed meanwhile must not come back. */
  private async rehash(passwords: PasswordHasher, id: string, oldHash: string, password: string): Promise<void> {
    const passwordHash = await passwords.hash(password);
    await this.db.prisma.user.updateMany({ where: { id, passwordHash: oldHash }, data: { passwordHash } });
  }
}

import type { AttemptSubject, Attempts } from './attempts.js';
import type { Database } from './database.js';
import type { PasswordHasher } from './passwords.js';
import { PROFILE_FIELDS, toProfile } from './users.js';
import type { UserProfile } from './viewer.js';

/** Longest username, in characters (WIRE.md, "Input"). A longer one is nobody's. */
const MAX_USERNAME = 150;

/** Who gave the right password. */
export interface SignedIn {
  user: UserProfile;
  /** Of the password that was right; what is started on its word asks whether it still stands (`NewFamily`). */
  passwordVersion: number;
}

/** The one way from a username and a password to a user. */
export class SignIn {
  constructor(
    private readonly db: Database,
    private readonly passwords: PasswordHasher,
    private readonly attempts: Attempts,
  ) {}

  /**
   * The active user with this name and password. Unknown user, wrong password, inactive user and a user without a
   * password are all `undefined`, after the same work.
   * @param address the IP address that the password came from, to count failures by
   * @throws DomainError `RATE_LIMITED` after too many failures, `SERVICE_UNAVAILABLE` when too many sign-ins wait already.
   */
  async authenticate(username: string, password: string, address?: string): Promise<SignedIn | undefined> {
    const subject: AttemptSubject = { account: username, address };
    // Asked again when it is this one's turn: of a flood of guesses at once no more are tried than hashes run in parallel.
    await this.attempts.admit(subject);
    const user = await this.find(username);
    const matches = await this.passwords.verify(user?.passwordHash ?? null, password, () =>
      this.attempts.admit(subject),
    );
    if (!matches || !user?.passwordHash || !user.isActive) {
      await this.attempts.failed(subject);
      return undefined;
    }
    await this.attempts.succeeded(subject);
    if (this.passwords.needsRehash(user.passwordHash)) await this.rehash(user.id, user.passwordHash, password);
    return { user: toProfile(user), passwordVersion: user.passwordVersion };
  }

  /** What PostgreSQL could not even compare (U+0000, lone surrogates) is the name of nobody. */
  private async find(username: string) {
    if (username.length > 2 * MAX_USERNAME || username.includes('\0') || !username.isWellFormed()) return null;
    return await this.db.prisma.user.findUnique({
      where: { username },
      select: { ...PROFILE_FIELDS, passwordHash: true, passwordVersion: true, isActive: true },
    });
  }

  /** Only while the old hash still stands: a password changed meanwhile must not come back. */
  private async rehash(id: string, oldHash: string, password: string): Promise<void> {
    const passwordHash = await this.passwords.hash(password);
    await this.db.prisma.user.updateMany({ where: { id, passwordHash: oldHash }, data: { passwordHash } });
  }
}

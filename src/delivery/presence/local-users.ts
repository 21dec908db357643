/** A user who has something open at this process, or had until a moment ago. */
export interface LocalUser {
  readonly userId: string;
  /** Open sockets and event streams. */
  open: number;
  /** The minute of the last frame or request, since 1970. */
  minute: number;
}

export interface LocalUsersOptions {
  /** How long a user stays online after the last socket closed. Milliseconds. */
  lingerMs: number;
  /** Called when a user comes online or goes offline at this process. */
  onEdge: (userId: string) => void;
}

/** The users who are online at this process. Whoever comes back while they linger was never gone. */
export class LocalUsers {
  private readonly users = new Map<string, LocalUser>();
  /** When those without a socket go offline, by `performance.now()`; the first comes first. */
  private readonly lingering = new Map<string, number>();

  constructor(private readonly options: LocalUsersOptions) {}

  opened(userId: string): LocalUser {
    const known = this.users.get(userId);
    const user = known ?? { userId, open: 0, minute: 0 };
    user.open += 1;
    this.lingering.delete(userId);
    if (!known) {
      this.users.set(userId, user);
      this.options.onEdge(userId);
    }
    return user;
  }

  /** Call it once for each `opened`. */
  closed(user: LocalUser, now: number): void {
    user.open -= 1;
    if (user.open === 0) this.lingering.set(user.userId, now + this.options.lingerMs);
  }

  /** Takes those offline who have lingered long enough. */
  sweep(now: number): void {
    for (const [userId, until] of this.lingering) {
      if (until > now) break;
      this.lingering.delete(userId);
      this.users.delete(userId);
      this.options.onEdge(userId);
    }
  }

  get(userId: string): LocalUser | undefined {
    return this.users.get(userId);
  }

  has(userId: string): boolean {
    return this.users.has(userId);
  }

  /** The ids of all users. It goes on while users come and go. */
  ids(): MapIterator<string> {
    return this.users.keys();
  }

  get size(): number {
    return this.users.size;
  }
}

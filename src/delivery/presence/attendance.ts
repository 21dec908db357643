import type { LocalUser } from './local-users.js';

/** Who looks after the attendances of this process. */
export interface AttendanceHost {
  /** The present minute, since 1970. */
  readonly minute: number;
  /** The user was not seen in this minute before. */
  noticed(user: LocalUser): void;
  left(user: LocalUser): void;
}

/** One open socket or event stream of a user, which makes them online. */
export class Attendance {
  private isOpen = true;

  constructor(
    private readonly host: AttendanceHost,
    private readonly user: LocalUser,
  ) {}

  /** A frame of the user came. Called for every frame: it does something once a minute. */
  active(): void {
    if (this.user.minute !== this.host.minute) this.host.noticed(this.user);
  }

  /** The socket or stream is closed. Further calls do nothing. */
  closed(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.host.left(this.user);
  }
}

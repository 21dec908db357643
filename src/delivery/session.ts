import { DomainError } from '../domain/errors.js';
import { isSameProfile, type UserProfile } from '../domain/profile.js';
import type { Viewer } from '../domain/viewer.js';
import type { Attendance } from './presence/attendance.js';

export type SessionEnd = 'token_expired' | 'token_revoked';

/** The holder of something that is open under a token: a socket of either WebSocket protocol. */
export interface SessionListener {
  /** The last call. The listener must close what it opened under the token. */
  sessionEnded(reason: SessionEnd): void;
  /** The user's role or names changed, and `session.viewer` with them. Access must be checked again. */
  viewerChanged(): void;
  /** The token expires in less than a minute. Called once per token. */
  tokenExpiring(expiresAt: Date): void;
}

/** What a session needs of `Sessions`, which indexes it by token family and user. */
export interface SessionIndex {
  /** The session has a token: its first, or another one in place of `before`. */
  tokenSet(session: Session, viewer: Viewer, before: Viewer | undefined): void;
  closed(session: Session): void;
}

const WARN_BEFORE_EXPIRY_MS = 60_000;

/** One socket's use of a token, until it is closed or the token expires or is revoked. As long as it is open, its user is online. */
export class Session {
  private current: Viewer | undefined;
  private isWarned = false;
  private isOpen = true;
  private lastRecheck = 0;

  constructor(
    private readonly listener: SessionListener,
    private readonly index: SessionIndex,
    /** Undefined for a client's token, which names no user. */
    private readonly attendance?: Attendance,
  ) {}

  /** The token's viewer, with the user as last read. */
  get viewer(): Viewer {
    if (!this.current) throw new Error('The session has no token yet.');
    return this.current;
  }

  /**
   * Uses this token from now on. When its family was revoked while it was authenticated, the session ends in a later turn of the
   * event loop. Does nothing to a session that has ended in the meantime.
   */
  setToken(viewer: Viewer): void {
    const before = this.current;
    this.current = viewer;
    this.isWarned = false;
    if (this.isOpen) this.index.tokenSet(this, viewer, before);
  }

  /** Replaces the token by another one of the same user. @throws DomainError `FORBIDDEN` when it is another user's. */
  renew(viewer: Viewer): void {
    if (viewer.user?.id !== this.viewer.user?.id)
      throw new DomainError('FORBIDDEN', 'This token is of another user: open a connection of its own for it.');
    this.setToken(viewer);
  }

  /** A frame of the client came. */
  active(): void {
    this.attendance?.active();
  }

  /** Ends the session without a call of the listener. */
  close(): void {
    this.isOpen = false;
    this.index.closed(this);
    this.attendance?.closed();
  }

  end(reason: SessionEnd): void {
    if (!this.isOpen) return;
    this.close();
    this.listener.sessionEnded(reason);
  }

  /** @param now of `performance.now()` */
  checkExpiry(now: number): void {
    const { expiresAt, endsAt, graceMs } = this.viewer;
    const leftMs = endsAt - now;
    if (leftMs <= 0) this.end('token_expired');
    else if (leftMs - graceMs <= WARN_BEFORE_EXPIRY_MS && !this.isWarned) {
      this.isWarned = true;
      this.listener.tokenExpiring(expiresAt);
    }
  }

  /**
   * Applies the result of a recheck. `user` is undefined when the token family is revoked. Results may arrive out of order:
   * one with a lower number than the last is ignored.
   */
  applyRecheck(user: UserProfile | null | undefined, recheck: number): void {
    if (!this.isOpen || recheck < this.lastRecheck) return;
    this.lastRecheck = recheck;
    if (user === undefined) {
      this.end('token_revoked');
      return;
    }
    const before = this.viewer.user;
    if (user === before || (user && before && isSameProfile(user, before))) return;
    this.current = { ...this.viewer, user };
    this.listener.viewerChanged();
  }
}

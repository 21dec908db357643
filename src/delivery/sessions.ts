import { Multimap } from '../domain/multimap.js';
import { isPresent, type UserProfile } from '../domain/profile.js';
import type { Viewer } from '../domain/viewer.js';
import { within } from '../domain/within.js';
import { type Bus, CONTROL_TOPIC } from './bus.js';
import { type Notice, parseNotice, revocations } from './notices.js';
import { MalformedPayload } from './payload.js';
import type { Presences } from './presence/presences.js';
import { Session, type SessionIndex, type SessionListener } from './session.js';
import { ThrottledReport } from './throttled-report.js';

/** Token families in the database, and what is cached of them and of users. */
export interface TokenFamilies {
  /** Those of the given families that are neither revoked nor of an inactive user, with their user as of now. */
  aliveFamilies(familyIds: readonly string[]): Promise<Map<string, { user: UserProfile | null }>>;
  /** Drops what is cached of these families. */
  forgetFamilies(familyIds: readonly string[]): void;
  /** Drops what is cached of this user. */
  forgetUser(userId: string): void;
}

export interface SessionsOptions {
  /** How often all open sessions are compared with the database, in milliseconds. This makes up for lost notices. */
  recheckIntervalMs: number;
  /** Is told of the users whose sessions are open. */
  presences?: Pick<Presences, 'opened'>;
  onError: (error: unknown, doing: string) => void;
}

const SWEEP_INTERVAL_MS = 1000;
/** How long a revocation or a change of a user is remembered, for sessions whose token was authenticated just before it. */
const RECENT_MS = 60_000;
/** A malformed notice may concern anybody, so all sessions are rechecked; for such notices at most this often. Milliseconds. */
const MALFORMED_RECHECK_INTERVAL_MS = 5000;
/** How long an announcement waits for the bus, in milliseconds. */
const ANNOUNCE_TIMEOUT_MS = 500;

/** All sessions of this process. Ends them when their token expires or is revoked, and tells them when their user changes. */
export class Sessions {
  private readonly sessions = new Set<Session>();
  private readonly byFamily = new Multimap<Session>();
  private readonly byUser = new Multimap<Session>();
  private readonly timers: NodeJS.Timeout[];
  /** By family or user: when the notice came, by `performance.now()`. */
  private readonly recentlyRevoked = new Map<string, number>();
  private readonly recentlyChanged = new Map<string, number>();
  private readonly index: SessionIndex = {
    tokenSet: (session, viewer, before) => this.tokenSet(session, viewer, before),
    closed: (session) => this.closed(session),
  };
  private readonly malformed = new ThrottledReport<MalformedPayload>((error, count) =>
    this.options.onError(error, `read ${count} of the notices from the bus`),
  );
  private hasNewMalformed = false;
  private recheckedForMalformedAt = Number.NEGATIVE_INFINITY;
  private recheckCount = 0;

  private constructor(
    private readonly bus: Bus,
    private readonly tokenFamilies: TokenFamilies,
    private readonly options: SessionsOptions,
  ) {
    this.timers = [
      setInterval(() => this.sweep(), SWEEP_INTERVAL_MS).unref(),
      setInterval(() => void this.recheck([...this.sessions]), options.recheckIntervalMs).unref(),
    ];
    bus.onReset(() => void this.recheck([...this.sessions]));
  }

  static async start(bus: Bus, tokenFamilies: TokenFamilies, options: SessionsOptions): Promise<Sessions> {
    const sessions = new Sessions(bus, tokenFamilies, options);
    await bus.subscribe([CONTROL_TOPIC], sessions.receive);
    return sessions;
  }

  open(viewer: Viewer, listener: SessionListener): Session {
    const attendance = isPresent(viewer.user) ? this.options.presences?.opened(viewer.user.id) : undefined;
    const session = new Session(listener, this.index, attendance);
    this.sessions.add(session);
    session.setToken(viewer);
    return session;
  }

  /** Tells every process that these token families are revoked. Resolves when the bus has it, or after half a second. */
  async announceRevoked(familyIds: readonly string[]): Promise<void> {
    await Promise.all(revocations(familyIds).map((notice) => this.announce(notice)));
  }

  /** Tells every process that a token family has a new access token. Sessions of the old one stay open. */
  announceRotated(familyId: string): Promise<void> {
    return this.announce({ type: 'family.rotated', familyId });
  }

  /** Tells every process that a user's role, names or active state changed. */
  announceUserChanged(userId: string): Promise<void> {
    return this.announce({ type: 'user.changed', userId });
  }

  /** Sessions open in this process. */
  get size(): number {
    return this.sessions.size;
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.bus.unsubscribe([CONTROL_TOPIC], this.receive);
  }

  private async announce(notice: Notice): Promise<void> {
    const published = this.bus.publish(CONTROL_TOPIC, JSON.stringify(notice)).catch((error: unknown) => {
      this.options.onError(error, `publish the notice ${notice.type}`);
    });
    await within(ANNOUNCE_TIMEOUT_MS, published);
  }

  private readonly receive = (payload: string): void => {
    try {
      this.apply(parseNotice(payload));
    } catch (error) {
      if (error instanceof MalformedPayload) {
        this.malformed.add(error);
        this.hasNewMalformed = true;
      } else this.options.onError(error, 'read a payload from the bus');
    }
  };

  /** The cost depends on the sessions that the notice concerns, and not on how many are open. */
  private apply(notice: Notice): void {
    if (notice.type === 'family.rotated') {
      this.tokenFamilies.forgetFamilies([notice.familyId]);
    } else if (notice.type === 'families.revoked') {
      this.tokenFamilies.forgetFamilies(notice.familyIds);
      const now = performance.now();
      for (const familyId of notice.familyIds) this.recentlyRevoked.set(familyId, now);
      for (const familyId of notice.familyIds)
        for (const session of this.byFamily.get(familyId)) session.end('token_revoked');
    } else {
      this.tokenFamilies.forgetUser(notice.userId);
      this.recentlyChanged.set(notice.userId, performance.now());
      void this.recheck(this.byUser.get(notice.userId));
    }
  }

  private tokenSet(session: Session, { familyId, user }: Viewer, before: Viewer | undefined): void {
    if (before) this.removeFromIndexes(session, before);
    this.byFamily.add(familyId, session);
    if (user) this.byUser.add(user.id, session);
    if (this.recentlyRevoked.has(familyId)) setImmediate(() => session.end('token_revoked'));
    else if (user && this.recentlyChanged.has(user.id)) void this.recheck([session]);
  }

  private closed(session: Session): void {
    this.sessions.delete(session);
    this.removeFromIndexes(session, session.viewer);
  }

  private removeFromIndexes(session: Session, { familyId, user }: Viewer): void {
    this.byFamily.delete(familyId, session);
    if (user) this.byUser.delete(user.id, session);
  }

  private sweep(): void {
    const now = performance.now();
    for (const session of this.sessions) session.checkExpiry(now);
    for (const recent of [this.recentlyRevoked, this.recentlyChanged])
      for (const [id, at] of recent) if (now - at > RECENT_MS) recent.delete(id);
    if (this.hasNewMalformed && now - this.recheckedForMalformedAt >= MALFORMED_RECHECK_INTERVAL_MS) {
      this.hasNewMalformed = false;
      this.recheckedForMalformedAt = now;
      void this.recheck([...this.sessions]);
    }
  }

  /** Compares these sessions with the database, in one query. */
  private async recheck(sessions: readonly Session[]): Promise<void> {
    if (sessions.length === 0) return;
    this.recheckCount += 1;
    const recheck = this.recheckCount;
    try {
      const asked = sessions.map((session) => ({ session, familyId: session.viewer.familyId }));
      const alive = await this.tokenFamilies.aliveFamilies([...new Set(asked.map(({ familyId }) => familyId))]);
      for (const { session, familyId } of asked) {
        // A session that was renewed during the query may be of another family now.
        if (session.viewer.familyId === familyId) session.applyRecheck(alive.get(familyId)?.user, recheck);
      }
    } catch (error) {
      this.options.onError(error, 'compare the open sessions with the database');
    }
  }
}

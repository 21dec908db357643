import { DomainError } from '../domain/errors.js';
import type { UserProfile, Viewer } from '../domain/viewer.js';
import { within } from '../domain/within.js';
import { type Bus, CONTROL_TOPIC } from './bus.js';

export type SessionEnd = 'token_expired' | 'token_revoked';

/** What holds something open under a token: a socket of whatever transport. */
export interface SessionListener {
  /** The last call: what was opened under the token has to close. */
  ended(reason: SessionEnd): void;
  /** The user's role or names changed: `session.viewer` is new, and what is open has to be asked again. */
  changed(): void;
  /** The token expires in less than a minute. Once per token. */
  expiring(expiresAt: Date): void;
}

/** What is known of sign-ins: which are alive, and as whom. */
export interface SignIns {
  /** The families of those given that are neither revoked nor of an inactive user, with their user as of now. */
  aliveFamilies(familyIds: readonly string[]): Promise<Map<string, { user: UserProfile | null }>>;
  /** What was read of these sign-ins is not true any more. */
  forgetFamilies(familyIds: readonly string[]): void;
  forgetUser(userId: string): void;
}

export interface SessionsOptions {
  /** How often every open session is compared with the database, in milliseconds: what stands behind a lost notice. */
  recheckIntervalMs: number;
  onError: (error: unknown, doing: string) => void;
}

type Notice =
  | { type: 'families.revoked'; familyIds: string[] }
  | { type: 'family.rotated'; familyId: string }
  | { type: 'user.changed'; userId: string };

const SWEEP_INTERVAL_MS = 1000;
const WARN_BEFORE_EXPIRY_MS = 60_000;
const LATELY_MS = 60_000;
/** How long the one who revokes waits for the other processes' bus, in milliseconds. */
const NOTICE_PATIENCE_MS = 500;

/** Everything that is open under tokens in this process, and its end: by expiry, by revocation, by a change of the user. */
export class Sessions {
  private readonly sessions = new Set<Session>();
  private readonly timers: NodeJS.Timeout[];
  /** What was heard of lately, with the time: a session may be opened by one whose token was checked just before. */
  private readonly revokedLately = new Map<string, number>();
  private readonly changedLately = new Map<string, number>();
  private unsubscribe: () => void = () => {};
  private readonly watch: SessionWatch = {
    begun: (session, viewer) => this.begun(session, viewer),
    closed: (session) => this.sessions.delete(session),
  };
  /** How many times the database has been asked. */
  private readings = 0;

  private constructor(
    private readonly bus: Bus,
    private readonly signIns: SignIns,
    private readonly options: SessionsOptions,
  ) {
    this.timers = [
      setInterval(() => this.sweep(), SWEEP_INTERVAL_MS).unref(),
      setInterval(() => void this.recheck([...this.sessions]), options.recheckIntervalMs).unref(),
    ];
    bus.onReset(() => void this.recheck([...this.sessions]));
  }

  static async start(bus: Bus, signIns: SignIns, options: SessionsOptions): Promise<Sessions> {
    const sessions = new Sessions(bus, signIns, options);
    sessions.unsubscribe = await bus.subscribe(CONTROL_TOPIC, (payload) => sessions.receive(payload));
    return sessions;
  }

  open(viewer: Viewer, listener: SessionListener): Session {
    const session = new Session(listener, this.watch);
    this.sessions.add(session);
    session.begin(viewer);
    return session;
  }

  /** Tells every process that these sign-ins are over. Resolves when the bus has it, or after half a second. */
  announceRevoked(familyIds: readonly string[]): Promise<void> {
    return this.announce({ type: 'families.revoked', familyIds: [...familyIds] });
  }

  /** Tells every process that the access token of a sign-in is another. What is open under it goes on. */
  announceRotated(familyId: string): Promise<void> {
    return this.announce({ type: 'family.rotated', familyId });
  }

  /** Tells every process that a user's role, names or activity changed. */
  announceUserChanged(userId: string): Promise<void> {
    return this.announce({ type: 'user.changed', userId });
  }

  /** Sessions open in this process. */
  get size(): number {
    return this.sessions.size;
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.unsubscribe();
  }

  private async announce(notice: Notice): Promise<void> {
    const published = this.bus.publish(CONTROL_TOPIC, JSON.stringify(notice)).catch((error: unknown) => {
      this.options.onError(error, 'announce the end of a sign-in');
    });
    await within(NOTICE_PATIENCE_MS, published);
  }

  private receive(payload: string): void {
    try {
      const notice: Notice = JSON.parse(payload);
      if (notice.type === 'family.rotated') {
        this.signIns.forgetFamilies([notice.familyId]);
      } else if (notice.type === 'families.revoked') {
        this.signIns.forgetFamilies(notice.familyIds);
        const revoked = new Set(notice.familyIds);
        for (const familyId of revoked) this.revokedLately.set(familyId, Date.now());
        for (const session of this.sessions) if (revoked.has(session.viewer.familyId)) session.end('token_revoked');
      } else if (notice.type === 'user.changed') {
        this.signIns.forgetUser(notice.userId);
        this.changedLately.set(notice.userId, Date.now());
        void this.recheck([...this.sessions].filter((session) => session.viewer.user?.id === notice.userId));
      }
    } catch (error) {
      this.options.onError(error, 'read what the bus brought');
    }
  }

  private begun(session: Session, { familyId, user }: Viewer): void {
    if (this.revokedLately.has(familyId)) setImmediate(() => session.end('token_revoked'));
    else if (user && this.changedLately.has(user.id)) void this.recheck([session]);
  }

  private sweep(): void {
    const now = Date.now();
    for (const session of this.sessions) session.watchExpiry(now);
    for (const lately of [this.revokedLately, this.changedLately])
      for (const [id, at] of lately) if (now - at > LATELY_MS) lately.delete(id);
  }

  private async recheck(sessions: readonly Session[]): Promise<void> {
    if (sessions.length === 0) return;
    this.readings += 1;
    const reading = this.readings;
    try {
      const asked = sessions.map((session) => ({ session, familyId: session.viewer.familyId }));
      const alive = await this.signIns.aliveFamilies([...new Set(asked.map(({ familyId }) => familyId))]);
      for (const { session, familyId } of asked) {
        // One that was renewed meanwhile is of a sign-in that was not asked for.
        if (session.viewer.familyId === familyId) session.update(alive.get(familyId)?.user, reading);
      }
    } catch (error) {
      this.options.onError(error, 'compare the open sessions with the database');
    }
  }
}

interface SessionWatch {
  /** The session goes on under this token from now on. */
  begun(session: Session, viewer: Viewer): void;
  closed(session: Session): void;
}

/** One thing that is open under a token. */
export class Session {
  private current: Viewer | undefined;
  private warned = false;
  private open = true;
  private lastReading = 0;

  constructor(
    private readonly listener: SessionListener,
    private readonly watch: SessionWatch,
  ) {}

  /** Who holds the token, as of the last news. */
  get viewer(): Viewer {
    if (!this.current) throw new Error('The session has not begun.');
    return this.current;
  }

  /** Goes on under this token from now on. What became of its sign-in while it was checked is heard in a later turn. */
  begin(viewer: Viewer): void {
    this.current = viewer;
    this.warned = false;
    this.watch.begun(this, viewer);
  }

  /** Goes on under another token of the same user. @throws DomainError `FORBIDDEN` for another user's. */
  renew(viewer: Viewer): void {
    if (viewer.user?.id !== this.viewer.user?.id)
      throw new DomainError('FORBIDDEN', 'This token is of another user: open a connection of its own for it.');
    this.begin(viewer);
  }

  /** Ends the watch, without a further call to the listener. */
  close(): void {
    this.open = false;
    this.watch.closed(this);
  }

  end(reason: SessionEnd): void {
    if (!this.open) return;
    this.close();
    this.listener.ended(reason);
  }

  watchExpiry(now: number): void {
    const { expiresAt } = this.viewer;
    const left = expiresAt.getTime() - now;
    if (left <= 0) this.end('token_expired');
    else if (left <= WARN_BEFORE_EXPIRY_MS && !this.warned) {
      this.warned = true;
      this.listener.expiring(expiresAt);
    }
  }

  /** What the database says of the sign-in: undefined when it is over. A reading that a later one has overtaken is old. */
  update(user: UserProfile | null | undefined, reading: number): void {
    if (!this.open || reading < this.lastReading) return;
    this.lastReading = reading;
    if (user === undefined) {
      this.end('token_revoked');
      return;
    }
    const before = this.viewer.user;
    if (user?.role === before?.role && user?.firstName === before?.firstName && user?.lastName === before?.lastName)
      return;
    this.current = { ...this.viewer, user };
    this.listener.changed();
  }
}

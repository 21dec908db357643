import type { Presence, PresenceChoice } from '../../domain/presence.js';
import type { Bus } from '../bus.js';
import { MalformedPayload } from '../payload.js';
import { ThrottledReport } from '../throttled-report.js';
import { Announcer } from './announcer.js';
import { Attendance, type AttendanceHost } from './attendance.js';
import { LastSeen, MINUTE_MS } from './last-seen.js';
import { type LocalUser, LocalUsers } from './local-users.js';
import { type PresenceEntry, type PresenceMessage, parsePresence, presencePayload } from './presence-on-bus.js';
import { Roster } from './roster.js';

/** Times in milliseconds. */
export interface PresenceTimes {
  /** Between two messages of this process, and between two batches of changes that are told. */
  batchMs: number;
  /** How long a user stays online after the last socket closed. */
  lingerMs: number;
  /** How long this process says nothing at most. */
  aliveMs: number;
  /** After how long without a message another process counts as dead. */
  silenceMs: number;
  /** Between two writes of when a user was last there. */
  writeMs: number;
}

export interface PresenceStateOptions {
  times: PresenceTimes;
  /** Writes when users were last there, by their ids. */
  writeLastActive: (seen: ReadonlyMap<string, Date>) => Promise<void>;
  /** Called with a user whom others may see differently now. */
  onChange: (userId: string) => void;
  onError: (error: unknown, doing: string) => void;
}

const TOPIC = 'presence';
/** A process repeats its users at most once in so many batches. */
const BATCHES_PER_REPETITION = 5;

/**
 * Who is there, as far as this process knows: by its own sockets and by what the others say over the bus. Nothing of it is stored but
 * when a user was last there.
 */
export class PresenceState implements AttendanceHost {
  minute = minuteNow();
  private readonly roster: Roster;
  private readonly local: LocalUsers;
  private readonly announcer: Announcer;
  private readonly lastSeen: LastSeen;
  private readonly malformed = new ThrottledReport<MalformedPayload>((error, count) =>
    this.options.onError(error, `read ${count} messages about presence from the bus`),
  );
  private readonly unpublished = new ThrottledReport<unknown>((error, count) =>
    this.options.onError(error, `publish ${count} messages about presence`),
  );

  constructor(
    private readonly bus: Bus,
    private readonly options: PresenceStateOptions,
  ) {
    const { batchMs, lingerMs, aliveMs, silenceMs, writeMs } = options.times;
    this.lastSeen = new LastSeen({
      write: options.writeLastActive,
      writeIntervalMs: writeMs,
      onError: options.onError,
    });
    this.roster = new Roster({
      lingerMs,
      silenceMs,
      onChange: options.onChange,
      onGone: (userId, minute) => this.lastSeen.heard(userId, minute),
      onOlderChoice: (userId) => this.announcer.chosen(userId),
    });
    this.local = new LocalUsers({ lingerMs, onEdge: (userId) => this.announcer.edge(userId) });
    this.announcer = new Announcer({
      aliveMs,
      repeatMs: BATCHES_PER_REPETITION * batchMs,
      entryOf: (userId, withChoice) => this.entryOf(userId, withChoice),
      onlineIds: () => this.local.ids(),
    });
    bus.onReset(() => this.announcer.askAll());
  }

  async listen(): Promise<void> {
    await this.bus.subscribe([TOPIC], this.receive);
  }

  /** A socket or event stream of the user opened. */
  opened(userId: string): Attendance {
    const user = this.local.opened(userId);
    this.noticed(user);
    return new Attendance(this, user);
  }

  /** A request of the user came. */
  active(userId: string): void {
    const user = this.local.get(userId);
    if (!user) this.see(userId);
    else if (user.minute !== this.minute) this.noticed(user);
  }

  noticed(user: LocalUser): void {
    user.minute = this.minute;
    if (this.see(user.userId)) this.announcer.wasActive(user.userId);
  }

  left(user: LocalUser): void {
    this.local.closed(user, performance.now());
  }

  choose(userId: string, choice: PresenceChoice): void {
    // The clocks of two processes differ; a later choice must count all the same.
    const chosenAt = Math.max(Date.now(), this.roster.choiceOf(userId).chosenAt + 1);
    this.roster.choose(userId, choice, chosenAt, performance.now());
    this.announcer.chosen(userId);
    // While the user was invisible, the request was not seen.
    const user = this.local.get(userId);
    if (user) this.noticed(user);
    else this.see(userId);
  }

  /**
   * What is shown of a user now.
   * @param asSelf to the user, who is told what is so
   * @param stored when the user was last there, by the database
   */
  presenceOf(userId: string, asSelf: boolean, stored: Date | null): Presence {
    const own = asSelf ? this.local.get(userId) : undefined;
    const status = this.roster.statusOf(userId, asSelf);
    const minute = Math.max(
      ...[stored === null ? 0 : Math.floor(stored.getTime() / MINUTE_MS), own?.minute ?? 0],
      ...[this.lastSeen.minuteOf(userId), this.roster.minuteOf(userId)],
    );
    return {
      userId,
      // One's own socket counts at once.
      status: own && status === 'offline' ? 'online' : status,
      lastActiveAt: minute === 0 ? null : new Date(minute * MINUTE_MS).toISOString(),
    };
  }

  /** Call it once a batch. */
  tick(): void {
    const now = performance.now();
    this.minute = minuteNow();
    this.local.sweep(now);
    this.roster.sweep(now);
    const message = this.announcer.next(now);
    if (message) {
      // After a long pause this process counts as dead to itself too.
      if (!this.roster.hear(message, now)) this.announcer.askedToRepeat();
      this.publish(message);
    }
    this.lastSeen.flush(now);
  }

  /** Says farewell, so that users have some seconds to come back elsewhere, and writes when they were last there. */
  async close(): Promise<void> {
    this.bus.unsubscribe([TOPIC], this.receive);
    this.publish(this.announcer.farewell(performance.now()));
    await this.lastSeen.close();
  }

  /** Users who are online. */
  get size(): number {
    return this.roster.size;
  }

  private publish(message: PresenceMessage): void {
    this.bus.publish(TOPIC, presencePayload(message)).catch((error: unknown) => this.unpublished.add(error));
  }

  private readonly receive = (payload: string): void => {
    try {
      const message = parsePresence(payload);
      const { process } = this.announcer;
      if (message.process === process) return;
      if (!this.roster.hear(message, performance.now())) this.announcer.ask(message.process);
      if (message.asks === 'all' || message.asks.includes(process)) this.announcer.askedToRepeat();
    } catch (error) {
      if (error instanceof MalformedPayload) this.malformed.add(error);
      else this.options.onError(error, 'read a message about presence from the bus');
    }
  };

  /** Returns false for who is invisible, and is not seen: others are shown when they were there before. */
  private see(userId: string): boolean {
    if (this.roster.choiceOf(userId).choice === 'invisible') return false;
    this.lastSeen.seen(userId, this.minute);
    return true;
  }

  private entryOf(userId: string, withChoice: boolean): PresenceEntry {
    const isOnline = this.local.has(userId);
    const minute = Math.max(this.lastSeen.minuteOf(userId), this.roster.minuteOf(userId));
    // Of who goes offline the choice ends too.
    const { choice, chosenAt } = this.roster.choiceOf(userId);
    const chosen = isOnline || withChoice ? { choice, chosenAt } : { choice: 'automatic' as const, chosenAt: 0 };
    return { userId, isOnline, minute, ...chosen };
  }
}

function minuteNow(): number {
  return Math.floor(Date.now() / MINUTE_MS);
}

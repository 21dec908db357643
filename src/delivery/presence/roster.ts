import type { PresenceChoice, PresenceStatus } from '../../domain/presence.js';
import type { PresenceEntry, PresenceMessage } from './presence-on-bus.js';

/** What is known of a user who is online somewhere, or who has just chosen how to be shown. */
interface Standing {
  /** Processes at which the user is online. */
  processes: number;
  choice: PresenceChoice;
  chosenAt: number;
  minute: number;
}

interface KnownProcess {
  /** The number of its last message. */
  n: number;
  heardAt: number;
  /** When its users are dropped, because it said that it ends. */
  leavesAt: number;
  /** Its online users, each with the repetition in which it was named last. */
  users: Map<string, number>;
  repetition: number;
  /** It repeats its users, and no message of that was lost. */
  isRepeating: boolean;
}

export interface RosterOptions {
  /** How long a choice is held for a user who is not online, and users of a process that ended. Milliseconds. */
  lingerMs: number;
  /** After how long without a message a process counts as dead. Milliseconds. */
  silenceMs: number;
  /** Called with a user whom others may see differently now. */
  onChange: (userId: string) => void;
  /** Called when a user is online nowhere any more, with the minute of their last frame or request. */
  onGone: (userId: string, minute: number) => void;
  /** Called when a process names a user with an older choice than the one that is known here. */
  onOlderChoice: (userId: string) => void;
}

const MAX_PROCESSES = 1000;
const MAX_USERS = 2_000_000;

/**
 * Who is online in the whole deployment, by what the processes say, this one among them. Times are of `performance.now()`.
 */
export class Roster {
  private readonly standings = new Map<string, Standing>();
  private readonly processes = new Map<string, KnownProcess>();
  /** Choices of users who are online nowhere: when they are dropped. */
  private readonly held = new Map<string, number>();

  constructor(private readonly options: RosterOptions) {}

  /** Takes a message. Returns false when messages before it were lost: the process must be asked to repeat its users. */
  hear(message: PresenceMessage, now: number): boolean {
    const process = this.processOf(message.process);
    // It was repeated or overtaken: the process is asked already.
    if (!process || message.n <= process.n) return true;
    const isNext = message.n === process.n + 1;
    process.n = message.n;
    process.heardAt = now;
    if (message.begins) process.repetition += 1;
    process.isRepeating = message.begins || (process.isRepeating && isNext);
    for (const entry of message.entries) this.apply(process, entry, now);
    if (message.ends && process.isRepeating) this.endRepetition(process);
    if (message.isLeaving) process.leavesAt = now + this.options.lingerMs;
    return isNext || message.begins;
  }

  /** The user chose how to be shown. It holds until they are online nowhere; if they are not, for as long as a user lingers. */
  choose(userId: string, choice: PresenceChoice, chosenAt: number, now: number): void {
    const standing = this.standingOf(userId);
    if (!standing) return;
    const before = standing.choice;
    standing.choice = choice;
    standing.chosenAt = chosenAt;
    if (standing.processes === 0) this.held.set(userId, now + this.options.lingerMs);
    else if (choice !== before) this.options.onChange(userId);
  }

  /** Drops the users of processes that are silent or ended, and choices that need not be held any longer. */
  sweep(now: number): void {
    for (const [id, process] of this.processes) {
      if (now < process.leavesAt && now - process.heardAt < this.options.silenceMs) continue;
      this.processes.delete(id);
      for (const userId of process.users.keys()) this.leave(userId);
    }
    for (const [userId, until] of this.held) if (now >= until) this.forget(userId);
  }

  /** @param asSelf the user is who asks, and is told what is so */
  statusOf(userId: string, asSelf: boolean): PresenceStatus {
    const standing = this.standings.get(userId);
    if (!standing || standing.processes === 0 || (standing.choice === 'invisible' && !asSelf)) return 'offline';
    return standing.choice === 'away' ? 'away' : 'online';
  }

  choiceOf(userId: string): Pick<Standing, 'choice' | 'chosenAt'> {
    return this.standings.get(userId) ?? { choice: 'automatic', chosenAt: 0 };
  }

  /** The minute of the last frame or request of a user who is online; 0 when it is not known here. */
  minuteOf(userId: string): number {
    return this.standings.get(userId)?.minute ?? 0;
  }

  /** Users who are online, and those whose choice is held. */
  get size(): number {
    return this.standings.size;
  }

  private apply(process: KnownProcess, entry: PresenceEntry, now: number): void {
    const { userId, isOnline, minute, choice, chosenAt } = entry;
    const wasHere = process.users.has(userId);
    // Nothing is known of the user, and nothing is said.
    if (!isOnline && !wasHere && chosenAt === 0) return;
    const standing = this.standingOf(userId);
    if (!standing) return;
    const before = this.statusOf(userId, false) + this.statusOf(userId, true);
    standing.minute = Math.max(standing.minute, minute);
    if (chosenAt > standing.chosenAt) {
      standing.choice = choice;
      standing.chosenAt = chosenAt;
    } else if (isOnline && chosenAt < standing.chosenAt) this.options.onOlderChoice(userId);
    if (isOnline) {
      if (!wasHere) standing.processes += 1;
      process.users.set(userId, process.repetition);
      this.held.delete(userId);
    } else if (wasHere) {
      process.users.delete(userId);
      this.leave(userId);
      return;
    }
    if (standing.processes === 0) this.held.set(userId, now + this.options.lingerMs);
    if (before !== this.statusOf(userId, false) + this.statusOf(userId, true)) this.options.onChange(userId);
  }

  /** Who was not named since the repetition began is not online there. */
  private endRepetition(process: KnownProcess): void {
    process.isRepeating = false;
    for (const [userId, repetition] of process.users) {
      if (repetition === process.repetition) continue;
      process.users.delete(userId);
      this.leave(userId);
    }
  }

  /** The user is not online at one process any more. */
  private leave(userId: string): void {
    const standing = this.standings.get(userId);
    if (!standing) return;
    standing.processes -= 1;
    if (standing.processes > 0) return;
    this.forget(userId);
    this.options.onGone(userId, standing.minute);
    this.options.onChange(userId);
  }

  private forget(userId: string): void {
    this.standings.delete(userId);
    this.held.delete(userId);
  }

  private standingOf(userId: string): Standing | undefined {
    const known = this.standings.get(userId);
    if (known || this.standings.size >= MAX_USERS) return known;
    const standing: Standing = { processes: 0, choice: 'automatic', chosenAt: 0, minute: 0 };
    this.standings.set(userId, standing);
    return standing;
  }

  private processOf(id: string): KnownProcess | undefined {
    const known = this.processes.get(id);
    if (known || this.processes.size >= MAX_PROCESSES) return known;
    const process: KnownProcess = {
      n: 0,
      heardAt: Number.NEGATIVE_INFINITY,
      leavesAt: Number.POSITIVE_INFINITY,
      users: new Map(),
      repetition: 0,
      isRepeating: false,
    };
    this.processes.set(id, process);
    return process;
  }
}

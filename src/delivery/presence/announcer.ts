import { randomUUID } from 'node:crypto';
import { MAX_ASKS, MAX_ENTRIES, type PresenceEntry, type PresenceMessage } from './presence-on-bus.js';

export interface AnnouncerOptions {
  /** How long this process may say nothing, in milliseconds. */
  aliveMs: number;
  /** How often it repeats its users at most, in milliseconds. */
  repeatMs: number;
  /** What is to be said of a user now. The choice is left out of an entry without it. */
  entryOf: (userId: string, withChoice: boolean) => PresenceEntry;
  /** The ids of the users who are online at this process. */
  onlineIds: () => Iterator<string, undefined>;
}

/**
 * Gathers what this process has to say into one message a second. What does not fit waits for the next: edges go first, then choices,
 * then the users that are repeated, then who was active. An entry says what is so when it leaves, so a user who came and went is named
 * once.
 */
export class Announcer {
  /** Names this process to the others. */
  readonly process = randomUUID();
  private n = 0;
  private saidAt = Number.NEGATIVE_INFINITY;
  private readonly edges = new Set<string>();
  private readonly choices = new Set<string>();
  private readonly active = new Set<string>();
  /** A process that has started does not know the others. */
  private asksAll = true;
  private readonly asked = new Set<string>();
  private isAskedToRepeat = false;
  private repeating: Iterator<string, undefined> | undefined;
  private repeatedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: AnnouncerOptions) {}

  /** The user came online or went offline. */
  edge(userId: string): void {
    this.edges.add(userId);
  }

  /** The user chose how to be shown, here or, as another process has not heard, elsewhere. */
  chosen(userId: string): void {
    this.choices.add(userId);
  }

  /** The user, who is online here, was active in another minute than before. */
  wasActive(userId: string): void {
    this.active.add(userId);
  }

  /** Messages of this process were lost. */
  ask(process: string): void {
    if (this.asked.size < MAX_ASKS) this.asked.add(process);
    else this.asksAll = true;
  }

  /** Messages of any process may have been lost. */
  askAll(): void {
    this.asksAll = true;
  }

  /** Another process asks for the users of this one. One that asks in the middle of a repetition gets one of its own. */
  askedToRepeat(): void {
    this.isAskedToRepeat = true;
  }

  /** What to say now, or undefined when there is nothing. `now` is of `performance.now()`. */
  next(now: number): PresenceMessage | undefined {
    const begins = this.beginRepetition(now);
    const entries: PresenceEntry[] = [];
    this.take(this.edges, entries, false);
    this.take(this.choices, entries, true);
    const ends = this.repeat(entries);
    this.takeActive(entries);
    const isSilent = entries.length === 0 && !begins && !ends && !this.asksAll && this.asked.size === 0;
    if (isSilent && now - this.saidAt < this.options.aliveMs) return undefined;
    const asks = this.asksAll ? 'all' : [...this.asked];
    this.asksAll = false;
    this.asked.clear();
    return this.message(now, { entries, begins, ends, asks, isLeaving: false });
  }

  /** The last message. */
  farewell(now: number): PresenceMessage {
    return this.message(now, { entries: [], begins: false, ends: false, asks: [], isLeaving: true });
  }

  private message(now: number, content: Omit<PresenceMessage, 'process' | 'n'>): PresenceMessage {
    this.n += 1;
    this.saidAt = now;
    return { process: this.process, n: this.n, ...content };
  }

  private beginRepetition(now: number): boolean {
    if (!this.isAskedToRepeat || this.repeating || now - this.repeatedAt < this.options.repeatMs) return false;
    this.isAskedToRepeat = false;
    this.repeatedAt = now;
    this.repeating = this.options.onlineIds();
    return true;
  }

  /** Repeats as many users as fit. Returns whether that were the last ones. */
  private repeat(entries: PresenceEntry[]): boolean {
    if (!this.repeating) return false;
    while (entries.length < MAX_ENTRIES) {
      const { done, value } = this.repeating.next();
      if (done) {
        this.repeating = undefined;
        return true;
      }
      this.add(entries, value, true);
    }
    return false;
  }

  private take(userIds: Set<string>, entries: PresenceEntry[], withChoice: boolean): void {
    for (const userId of userIds) {
      if (entries.length >= MAX_ENTRIES) return;
      userIds.delete(userId);
      this.add(entries, userId, withChoice);
    }
  }

  private takeActive(entries: PresenceEntry[]): void {
    for (const userId of this.active) {
      if (entries.length >= MAX_ENTRIES) return;
      this.active.delete(userId);
      const entry = this.options.entryOf(userId, false);
      if (entry.isOnline) entries.push(entry);
    }
  }

  private add(entries: PresenceEntry[], userId: string, withChoice: boolean): void {
    // An entry says when the user was active.
    this.active.delete(userId);
    entries.push(this.options.entryOf(userId, withChoice));
  }
}

import { RecentMap } from '../../domain/recent-map.js';

export interface LastSeenOptions {
  /** Writes when users were last there, by their ids. */
  write: (seen: ReadonlyMap<string, Date>) => Promise<void>;
  /** How often a user is written at most. Milliseconds. */
  writeIntervalMs: number;
  onError: (error: unknown, doing: string) => void;
}

export const MINUTE_MS = 60_000;
/** Users that are remembered, and that wait to be written. */
const MAX_USERS = 100_000;
/** Users of one statement. */
const MAX_BATCH = 1000;
/** How often those who are due are looked for, in the time between two writes of one user. */
const LOOKS = 20;

/** When users were last there, to the minute. Writes it in the background, so that no request waits. */
export class LastSeen {
  /** By user: the minute, since 1970. */
  private readonly minutes: RecentMap<number>;
  private readonly unwritten = new Set<string>();
  /** By user: when they were written last, by `performance.now()`. */
  private readonly written: RecentMap<number>;
  private writing: Promise<void> | undefined;
  private lookedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: LastSeenOptions) {
    // Longer than it takes until the minute is in the database.
    this.minutes = new RecentMap({ max: MAX_USERS, keptMs: 2 * options.writeIntervalMs });
    this.written = new RecentMap({ max: MAX_USERS, keptMs: options.writeIntervalMs });
  }

  /** The user is there in this minute. */
  seen(userId: string, minute: number): void {
    if (this.minutes.get(userId) === minute) return;
    this.minutes.set(userId, minute);
    if (this.unwritten.size < MAX_USERS) this.unwritten.add(userId);
  }

  /** The user was last seen by another process, which writes it. */
  heard(userId: string, minute: number): void {
    if (minute > this.minuteOf(userId)) this.minutes.set(userId, minute);
  }

  /** The minute in which the user was last seen, if that is not long ago; otherwise 0. */
  minuteOf(userId: string): number {
    return this.minutes.get(userId) ?? 0;
  }

  /** Call it often. Writes those who are due; a failed write is repeated. */
  flush(now: number): void {
    const { writeIntervalMs } = this.options;
    if (this.writing || this.unwritten.size === 0 || now - this.lookedAt < writeIntervalMs / LOOKS) return;
    this.lookedAt = now;
    const isDue = (userId: string) => now - (this.written.get(userId) ?? Number.NEGATIVE_INFINITY) >= writeIntervalMs;
    this.write([...this.unwritten].filter(isDue).slice(0, MAX_BATCH), now);
  }

  /** Writes what is left, without waiting for its time. Resolves when that is done, or failed. */
  async close(): Promise<void> {
    await this.writing;
    while (this.unwritten.size > 0) {
      const before = this.unwritten.size;
      this.write([...this.unwritten].slice(0, MAX_BATCH), performance.now());
      await this.writing;
      if (this.unwritten.size >= before) return;
    }
  }

  private write(userIds: readonly string[], now: number): void {
    if (userIds.length === 0) return;
    const minutes = userIds
      .map((userId) => [userId, this.minuteOf(userId)] as const)
      .filter(([, minute]) => minute > 0);
    const seen = new Map(minutes.map(([userId, minute]) => [userId, new Date(minute * MINUTE_MS)]));
    for (const userId of userIds) this.unwritten.delete(userId);
    const failed = (error: unknown) => {
      for (const userId of userIds) this.unwritten.add(userId);
      this.options.onError(error, 'write when users were last there');
    };
    const done = () => {
      for (const userId of userIds) this.written.set(userId, now);
    };
    this.writing = this.options
      .write(seen)
      .then(done, failed)
      .finally(() => {
        this.writing = undefined;
      });
  }
}

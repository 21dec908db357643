import type { AttemptStore } from './attempts.js';

interface Entry {
  count: number;
  /** Milliseconds since the epoch. */
  forgetAt: number;
  blockedUntil: number;
}

/** Entries. About 20 MB at the most; beyond, the oldest go first. */
const MAX_ENTRIES = 100_000;

/** Counts in this process alone. */
export class MemoryAttemptStore implements AttemptStore {
  /** In the order of their last failure, and so of their end. */
  private readonly entries = new Map<string, Entry>();

  async blockedMs(keys: readonly string[]): Promise<readonly number[]> {
    const now = Date.now();
    return keys.map((key) => Math.max(0, (this.entries.get(key)?.blockedUntil ?? 0) - now));
  }

  async count(key: string, windowMs: number): Promise<number> {
    const now = Date.now();
    this.removeOld(now);
    const before = this.entries.get(key);
    const count = before && before.forgetAt > now ? before.count + 1 : 1;
    this.entries.delete(key);
    this.entries.set(key, { count, forgetAt: now + windowMs, blockedUntil: before?.blockedUntil ?? 0 });
    return count;
  }

  async block(key: string, ms: number): Promise<void> {
    const entry = this.entries.get(key);
    if (entry) entry.blockedUntil = Date.now() + ms;
  }

  async forget(key: string): Promise<void> {
    this.entries.delete(key);
  }

  private removeOld(now: number): void {
    for (const [key, { forgetAt }] of this.entries) {
      if (forgetAt > now && this.entries.size < MAX_ENTRIES) return;
      this.entries.delete(key);
    }
  }
}

import type { AttemptStore } from './attempts.js';

interface Entry {
  count: number;
  /** Milliseconds on the monotonic clock, which adjustments of the wall clock do not affect. */
  forgetAt: number;
}

/** Entries of each kind, about 20 MB in all. Beyond this number the oldest entries are removed. */
const MAX_ENTRIES = 100_000;

/** Counts attempts in this process only. */
export class MemoryAttemptStore implements AttemptStore {
  /** In the order of their last failure, and therefore of `forgetAt`. */
  private readonly entries = new Map<string, Entry>();
  /** The end of each block, on the monotonic clock. */
  private readonly blocks = new Map<string, number>();
  private readonly remembered = new Map<string, number>();

  async blockedMs(keys: readonly string[]): Promise<readonly number[]> {
    const now = performance.now();
    return keys.map((key) => Math.max(0, Math.ceil((this.blocks.get(key) ?? 0) - now)));
  }

  async count(key: string, windowMs: number): Promise<number> {
    const now = performance.now();
    this.removeOld(now);
    const before = this.entries.get(key);
    const count = before && before.forgetAt > now ? before.count + 1 : 1;
    this.entries.delete(key);
    this.entries.set(key, { count, forgetAt: now + windowMs });
    return count;
  }

  async block(key: string, ms: number): Promise<void> {
    put(this.blocks, key, ms);
  }

  async forget(key: string): Promise<void> {
    this.entries.delete(key);
    this.blocks.delete(key);
  }

  async remember(key: string, ms: number): Promise<void> {
    put(this.remembered, key, ms);
  }

  async remembers(key: string): Promise<boolean> {
    return (this.remembered.get(key) ?? 0) > performance.now();
  }

  private removeOld(now: number): void {
    for (const [key, { forgetAt }] of this.entries) {
      if (forgetAt > now && this.entries.size < MAX_ENTRIES) return;
      this.entries.delete(key);
    }
  }
}

/** Keeps the keys in the order in which they were last written, and removes the oldest when the map is full. */
function put(map: Map<string, number>, key: string, ms: number): void {
  const now = performance.now();
  map.delete(key);
  for (const [other, until] of map) {
    if (until > now && map.size < MAX_ENTRIES) break;
    map.delete(other);
  }
  map.set(key, now + ms);
}

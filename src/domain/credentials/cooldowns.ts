/** A fixed waiting time per name after an action, kept in this process only. */
export class Cooldowns {
  /** The end of each cooldown on the monotonic clock, earliest first. */
  private readonly ends = new Map<string, number>();

  /** @param ms the length of a cooldown, in milliseconds */
  constructor(private readonly ms: number) {}

  begin(name: string): void {
    const now = performance.now();
    this.ends.delete(name);
    for (const [other, end] of this.ends) {
      if (end > now) break;
      this.ends.delete(other);
    }
    this.ends.set(name, now + this.ms);
  }

  /** Milliseconds until the cooldown of this name ends; 0 when there is none. */
  leftMs(name: string): number {
    return Math.max(0, Math.ceil((this.ends.get(name) ?? 0) - performance.now()));
  }

  get size(): number {
    return this.ends.size;
  }
}

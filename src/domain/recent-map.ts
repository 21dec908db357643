export interface RecentMapLimits {
  /** The most entries. Beyond, those that were set longest ago are dropped. */
  max: number;
  /** How long an entry is kept at least, unless there are too many; at most twice as long. Milliseconds. */
  keptMs: number;
}

/** A bounded map of what was set recently. It keeps two generations, so that old entries cost no look at each of them. */
export class RecentMap<Value> {
  private young = new Map<string, Value>();
  private old = new Map<string, Value>();
  private youngSince = performance.now();

  constructor(private readonly limits: RecentMapLimits) {}

  get(key: string): Value | undefined {
    return this.young.get(key) ?? this.old.get(key);
  }

  set(key: string, value: Value, now = performance.now()): void {
    const { max, keptMs } = this.limits;
    const age = now - this.youngSince;
    if (this.young.size >= max / 2 || age >= keptMs) {
      this.old = age >= 2 * keptMs ? new Map() : this.young;
      this.young = new Map();
      this.youngSince = now;
    }
    this.young.set(key, value);
  }

  get size(): number {
    return this.young.size + this.old.size;
  }
}

/** What one owner may hold at most. */
export interface OwnerLimits {
  /** Number of items. */
  count: number;
  /** Bytes of those items together. */
  bytes: number;
}

/** Limits how many items, and how many bytes of them, each owner holds in memory. Keeps nothing of an owner without items. */
export class MemoryQuota {
  private readonly held = new Map<string, { count: number; bytes: number }>();

  constructor(private readonly limits: OwnerLimits) {}

  /** True when the owner may hold one more item of this size. An owner without items may hold any. */
  hasRoom(owner: string, bytes: number): boolean {
    const held = this.held.get(owner);
    return !held || (held.count < this.limits.count && held.bytes + bytes <= this.limits.bytes);
  }

  /** Counts one more item, whether there is room or not. */
  add(owner: string, bytes: number): void {
    const held = this.held.get(owner);
    if (!held) this.held.set(owner, { count: 1, bytes });
    else {
      held.count += 1;
      held.bytes += bytes;
    }
  }

  remove(owner: string, bytes: number): void {
    const held = this.held.get(owner);
    if (!held) return;
    held.count -= 1;
    held.bytes -= bytes;
    if (held.count === 0) this.held.delete(owner);
  }
}

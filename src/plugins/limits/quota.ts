/** How many units of something each owner may hold at a time. */
export class Quota {
  private readonly taken = new Map<string, number>();

  constructor(private readonly max: number) {}

  /**
   * Takes `count` units. Takes nothing and returns false when the owner would hold more than `max * factor`.
   */
  take(owner: string, count = 1, factor = 1): boolean {
    const taken = (this.taken.get(owner) ?? 0) + count;
    if (taken > this.max * factor) return false;
    this.taken.set(owner, taken);
    return true;
  }

  release(owner: string, count = 1): void {
    const taken = (this.taken.get(owner) ?? 0) - count;
    if (taken > 0) this.taken.set(owner, taken);
    else this.taken.delete(owner);
  }
}

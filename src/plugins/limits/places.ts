/** How many of something each one may hold at a time. */
export class Places {
  private readonly taken = new Map<string, number>();

  constructor(private readonly max: number) {}

  /** Takes a place; false when they are all taken. */
  take(owner: string): boolean {
    const taken = this.taken.get(owner) ?? 0;
    if (taken >= this.max) return false;
    this.taken.set(owner, taken + 1);
    return true;
  }

  release(owner: string): void {
    const taken = (this.taken.get(owner) ?? 0) - 1;
    if (taken > 0) this.taken.set(owner, taken);
    else this.taken.delete(owner);
  }
}

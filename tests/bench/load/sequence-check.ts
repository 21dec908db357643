/** Holds the numbers that one listener hears to "each exactly once", and to their order where that is promised. */
export class SequenceCheck {
  /** The next number that is due; undefined while the first is not known. */
  next: number | undefined;
  outOfOrder = 0;
  private readonly early = new Set<number>();

  constructor(private readonly ordered: boolean) {}

  /** What is wrong with this number, if anything. */
  take(seq: number): string | undefined {
    if (seq === this.next || this.next === undefined) {
      this.next = seq + 1;
      if (this.early.size > 0) this.catchUp();
      return undefined;
    }
    if (seq < this.next || this.early.has(seq)) return `number ${seq} came twice, or after number ${this.next - 1}`;
    if (this.ordered) return `number ${seq} came where ${this.next} was due`;
    this.early.add(seq);
    this.outOfOrder += 1;
    return undefined;
  }

  /** True when everything up to `head` came. */
  isComplete(head: number): boolean {
    return this.next === head + 1 && this.early.size === 0;
  }

  private catchUp(): void {
    while (this.next !== undefined && this.early.delete(this.next)) this.next += 1;
  }
}

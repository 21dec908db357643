/** Where the rows of a long list are, of which only those that were drawn have been measured. Pixels from the list's top. */
export class Positions {
  private keys: readonly string[] = [];
  private indexes = new Map<string, number>();
  /** The tops of the rows, and behind them the end of the list. */
  private tops = new Float64Array(1);
  private readonly heights = new Map<string, number>();
  private measured = 0;

  constructor(private readonly estimate: number) {}

  get count(): number {
    return this.keys.length;
  }

  /** The height of the list. */
  get end(): number {
    return this.tops[this.keys.length] ?? 0;
  }

  setKeys(keys: readonly string[]): void {
    this.keys = keys;
    this.indexes = new Map(keys.map((key, index) => [key, index]));
    this.place();
  }

  keyAt(index: number): string | undefined {
    return this.keys[index];
  }

  indexOf(key: string): number | undefined {
    return this.indexes.get(key);
  }

  topOf(index: number): number {
    return this.tops[Math.min(index, this.keys.length)] ?? 0;
  }

  /** The row at this height: the first for what is above the list, the last for what is below it. */
  indexAt(y: number): number {
    let [low, high] = [0, Math.max(0, this.keys.length - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.topOf(middle) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Takes heights of rows that are drawn. @returns whether something moves by it */
  measure(heights: Iterable<readonly [key: string, height: number]>): boolean {
    let isChanged = false;
    for (const [key, height] of heights) {
      const before = this.heights.get(key);
      if (before === height) continue;
      this.heights.set(key, height);
      this.measured += height - (before ?? 0);
      isChanged = true;
    }
    if (isChanged) this.place();
    return isChanged;
  }

  /** The rows have another width. */
  forget(): void {
    this.heights.clear();
    this.measured = 0;
    this.place();
  }

  /** A row that was not drawn is taken for as high as those are that were. */
  private place(): void {
    const { size } = this.heights;
    const usual = size > 0 ? this.measured / size : this.estimate;
    if (this.tops.length <= this.keys.length) this.tops = new Float64Array(this.keys.length * 2 + 1);
    let top = 0;
    this.keys.forEach((key, index) => {
      this.tops[index] = top;
      top += this.heights.get(key) ?? usual;
    });
    this.tops[this.keys.length] = top;
  }
}

/** Counts by a word, of which there are few. For the metrics. */
export class Tally<Word extends string = string> {
  private readonly counts = new Map<Word, number>();

  /** @param words counted from the start, as 0 */
  constructor(words: readonly Word[] = []) {
    for (const word of words) this.counts.set(word, 0);
  }

  add(word: Word): void {
    this.counts.set(word, (this.counts.get(word) ?? 0) + 1);
  }

  of(word: Word): number {
    return this.counts.get(word) ?? 0;
  }

  entries(): IterableIterator<[Word, number]> {
    return this.counts.entries();
  }
}

/** How many values were at most as large as each of some bounds. For the metrics. */
export class Distribution {
  sum = 0;
  /** By bound, and one more for values above all of them. Not cumulative. */
  readonly counts: number[];

  /** @param bounds in ascending order */
  constructor(readonly bounds: readonly number[]) {
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  record(value: number): void {
    let place = 0;
    while (value > (this.bounds[place] ?? Number.POSITIVE_INFINITY)) place += 1;
    this.counts[place] = (this.counts[place] ?? 0) + 1;
    this.sum += value;
  }
}

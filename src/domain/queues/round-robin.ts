import type { OwnerLimits } from './memory-quota.js';

interface Line<Item> {
  items: Item[];
  bytes: number;
}

const UNLIMITED: OwnerLimits = { count: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** A queue in which owners take turns. The items of one owner leave in the order in which they were added. */
export class RoundRobin<Owner, Item> {
  /** A Map keeps the order in which its keys were added: the owner whose turn is next is the first key. */
  private readonly lines = new Map<Owner, Line<Item>>();
  private totalCount = 0;
  private totalBytes = 0;

  /**
   * @param limits what one owner may have in the queue; unlimited by default
   * @param bytesOf the size of an item, which stays the same while the item waits; 0 by default
   */
  constructor(
    private readonly limits: Readonly<OwnerLimits> = UNLIMITED,
    private readonly bytesOf: (item: Item) => number = () => 0,
  ) {}

  /** Number of items of all owners. */
  get size(): number {
    return this.totalCount;
  }

  /** Bytes of the items of all owners. */
  get bytes(): number {
    return this.totalBytes;
  }

  /** True when the owner may add an item of this size. An owner without items may add any. */
  hasRoom(owner: Owner, bytes = 0): boolean {
    return this.fits(this.lines.get(owner), bytes);
  }

  /** Returns false, and adds nothing, when the owner has no room for the item. */
  add(owner: Owner, item: Item): boolean {
    const bytes = this.bytesOf(item);
    const line = this.lines.get(owner);
    if (!this.fits(line, bytes)) return false;
    if (line) {
      line.items.push(item);
      line.bytes += bytes;
    } else this.lines.set(owner, { items: [item], bytes });
    this.totalCount += 1;
    this.totalBytes += bytes;
    return true;
  }

  /** Takes out one item of each owner in turn and passes it to `take`, until `take` returns false. */
  serve(take: (item: Item) => boolean): void {
    // An owner with more items is added again as the last key, which this loop reaches later.
    for (const [owner, line] of this.lines) {
      const item = line.items.shift();
      this.lines.delete(owner);
      if (item === undefined) continue;
      this.subtract(line, item);
      if (line.items.length > 0) this.lines.set(owner, line);
      if (!take(item)) return;
    }
  }

  /** Takes out the next item; undefined when the queue is empty. */
  next(): Item | undefined {
    let next: Item | undefined;
    this.serve((item) => {
      next = item;
      return false;
    });
    return next;
  }

  /** Takes out the oldest items of each owner for as long as `isOver` is true of them. */
  dropOldest(isOver: (item: Item) => boolean): void {
    for (const [owner, line] of this.lines) {
      const kept = line.items.findIndex((item) => !isOver(item));
      for (const item of line.items.splice(0, kept === -1 ? line.items.length : kept)) this.subtract(line, item);
      if (kept === -1) this.lines.delete(owner);
    }
  }

  /** Takes out the newest item of the owner who has most; of several such owners, of the one whose turn is last. */
  takeNewestOfLongest(): Item | undefined {
    let longest: [Owner, Line<Item>] | undefined;
    for (const entry of this.lines) if (!longest || entry[1].items.length >= longest[1].items.length) longest = entry;
    if (!longest) return undefined;
    const [owner, line] = longest;
    const item = line.items.pop();
    if (line.items.length === 0) this.lines.delete(owner);
    if (item !== undefined) this.subtract(line, item);
    return item;
  }

  private fits(line: Line<Item> | undefined, bytes: number): boolean {
    return !line || (line.items.length < this.limits.count && line.bytes + bytes <= this.limits.bytes);
  }

  private subtract(line: Line<Item>, item: Item): void {
    const bytes = this.bytesOf(item);
    line.bytes -= bytes;
    this.totalCount -= 1;
    this.totalBytes -= bytes;
  }
}

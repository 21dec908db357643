/** Several items per key. Finding the items of one key costs the same however many other keys there are. */
export class Multimap<Item> {
  private readonly sets = new Map<string, Set<Item>>();

  add(key: string, item: Item): void {
    const items = this.sets.get(key);
    if (items) items.add(item);
    else this.sets.set(key, new Set([item]));
  }

  delete(key: string, item: Item): void {
    const items = this.sets.get(key);
    items?.delete(item);
    if (items?.size === 0) this.sets.delete(key);
  }

  /** Returns a copy: items may be deleted while a caller iterates over it. */
  get(key: string): Item[] {
    return [...(this.sets.get(key) ?? [])];
  }

  /** Number of keys that have items. */
  get size(): number {
    return this.sets.size;
  }
}

/** Of the messages of a chat behind the number `after`, up to `upTo`, none is unread by the member but the candidates. */
export interface ScannedRange {
  /** The chat's. */
  epoch: string;
  after: number;
  upTo: number;
  /** Numbers in ascending order, few. */
  candidates: readonly number[];
}

/**
 * Remembers which messages need not be read again to count what is unread. A message that is not unread (one's own, deleted, or in a
 * thread only) never becomes unread, so what was true of a range stays true. Holds a bounded number of ranges, in two generations: a use
 * moves a range into the young one, and when that is full the old one is dropped.
 */
export class ScannedRanges {
  private young = new Map<string, ScannedRange>();
  private old = new Map<string, ScannedRange>();

  /** @param most how many ranges are remembered */
  constructor(private readonly most: number) {}

  get(userId: string, chatId: string): ScannedRange | undefined {
    const key = keyOf(userId, chatId);
    const found = this.young.get(key) ?? this.old.get(key);
    if (found) this.put(key, found);
    return found;
  }

  set(userId: string, chatId: string, range: ScannedRange): void {
    this.put(keyOf(userId, chatId), range);
  }

  private put(key: string, range: ScannedRange): void {
    this.young.set(key, range);
    if (this.young.size < this.most / 2) return;
    this.old = this.young;
    this.young = new Map();
  }
}

function keyOf(userId: string, chatId: string): string {
  return `${userId} ${chatId}`;
}

import type { Period } from './members.js';

export interface InboxChatOptions {
  /** The times of the user as a member. */
  periods: readonly Period[];
  /** The chat's newest number. */
  head: number;
  /** The number up to which the inbox's page showed the chat; undefined when it was not on it. */
  shown: number | undefined;
  /** Of a chat that was not on the page: the number of the first joining that the client has to be told of. */
  due: number | undefined;
}

/** What the client of an inbox has of one chat, and may be told next. Its methods return the rule that is broken. */
export class InboxChat {
  /** The client has the changes up to this number; undefined before it knows of the chat. */
  private seq: number | undefined;
  /** `seq` when the connection began. */
  private seqBefore: number | undefined;
  private maxMissed = Number.POSITIVE_INFINITY;

  constructor(private readonly options: InboxChatOptions) {
    this.seq = options.shown;
  }

  get place(): number | undefined {
    return this.seq;
  }

  /** A connection begins. */
  connected(maxMissed: number): void {
    this.seqBefore = this.seq;
    this.maxMissed = maxMissed;
  }

  event(seq: number): string | undefined {
    if (this.isShown(seq)) return undefined;
    const rule = this.judge(seq);
    this.seq = Math.max(seq, this.seq ?? 0);
    return rule;
  }

  /** Changes behind `after` up to `cursor` are missing. They count as received. */
  gap(after: number, cursor: number): string | undefined {
    const first = after + 1;
    const rule =
      (after === this.seq || this.isShown(after) ? undefined : this.judge(first)) ?? this.judgeGap(first, cursor);
    this.seq = Math.max(cursor, this.seq ?? 0);
    return rule;
  }

  /** Whether the client has what its user may see up to this number. */
  hasUpTo(seq: number): boolean {
    const last = this.lastUpTo(seq);
    if (last === undefined) return true;
    if (this.seq === undefined) return this.options.due === undefined || last < this.options.due;
    return this.seq >= last;
  }

  /** What the client has not got in the end; undefined when it has everything. */
  get missing(): string | undefined {
    const { head, periods } = this.options;
    const isMember = periods.at(-1)?.to === Number.POSITIVE_INFINITY;
    const hasAll = this.seq === undefined ? !isMember && this.hasUpTo(head) : this.hasUpTo(head);
    return hasAll || periods.length === 0 ? undefined : `has ${this.seq}, wanted ${this.lastUpTo(head)}`;
  }

  /** A client drops what the page has shown already. */
  private isShown(seq: number): boolean {
    const { shown } = this.options;
    return shown !== undefined && this.seq === shown && seq <= shown;
  }

  private judge(seq: number): string | undefined {
    const period = this.periodOf(seq);
    if (this.seq !== undefined && seq <= this.seq) return 'no repetition';
    if (!period) return 'removal is a barrier';
    if (this.seq === undefined) return this.judgeFirst(seq, period);
    const next = this.next;
    if (seq === next) return undefined;
    return this.isRemoval(this.seq) && next === period.from ? 'a joining opens the chat' : 'no hole';
  }

  /** Of a chat that the page did not have. The user may have left it in that moment, and is told of the end. */
  private judgeFirst(seq: number, { from, to }: Period): string | undefined {
    const { due } = this.options;
    if (due !== undefined && seq > due)
      return seq <= (this.periodOf(due)?.to ?? 0) ? 'a joining opens the chat' : 'no hole';
    return seq === from || Number.isFinite(to) ? undefined : 'a joining opens the chat';
  }

  private judgeGap(first: number, cursor: number): string | undefined {
    const { head } = this.options;
    const period = this.periodOf(first);
    if (!period) return 'removal is a barrier';
    if (cursor < first || cursor > head) return 'a gap is of something';
    if (cursor >= period.to) return 'a removal is told, also behind a gap';
    // Of a chat that the user left meanwhile, a gap counts with what lies behind the removal.
    const missed = this.countBetween(Math.min(this.seqBefore ?? first - 1, first - 1), cursor);
    return cursor !== period.to - 1 && missed <= this.maxMissed ? 'no more than is wanted is no gap' : undefined;
  }

  /** The number that comes next; undefined for who has left for good. */
  private get next(): number | undefined {
    const { seq = 0 } = this;
    const period = this.options.periods.find(({ to }) => seq < to);
    return period && Math.max(seq + 1, period.from);
  }

  private periodOf(seq: number): Period | undefined {
    return this.options.periods.find(({ from, to }) => from <= seq && seq <= to);
  }

  private isRemoval(seq: number): boolean {
    return this.options.periods.some(({ to }) => to === seq);
  }

  /** The newest change that the user may see up to this number. */
  private lastUpTo(seq: number): number | undefined {
    const period = this.options.periods.findLast(({ from }) => from <= seq);
    return period && Math.min(seq, period.to);
  }

  /** How many changes the user may see behind `after`, up to `upTo`. */
  private countBetween(after: number, upTo: number): number {
    return this.options.periods.reduce(
      (sum, { from, to }) => sum + Math.max(0, Math.min(to, upTo) - Math.max(from - 1, after)),
      0,
    );
  }
}

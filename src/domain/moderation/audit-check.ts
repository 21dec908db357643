import { hash as digest } from 'node:crypto';
import { type AuditHead, type AuditLog, type AuditRow, BEFORE_FIRST } from './audit-log.js';

/** Something that is wrong with the audit log. The numbers are those of entries. */
export type AuditFault =
  | { fault: 'changed'; seq: number; what: 'entry' | 'hash' }
  | { fault: 'missing'; from: number; to: number }
  | { fault: 'moved'; seq: number; is: number }
  | { fault: 'cut'; last: number; expected: number; by: 'head' | 'anchor' }
  | { fault: 'rewritten'; seq: number; by: 'head' | 'anchor' }
  | { fault: 'beyond'; seq: number; head: number }
  | { fault: 'column'; seq: number; column: string }
  | { fault: 'reason'; seq: number };

/** Entries that are read and in memory at once. */
const STEP = 5000;

/** The columns that an entry says again, by its names. */
const COLUMNS = [
  ['at', 'at'],
  ['actor', 'actorId'],
  ['client', 'clientId'],
  ['action', 'action'],
  ['chat', 'chatId'],
  ['target', 'target'],
] as const satisfies readonly (readonly [string, keyof AuditRow])[];

/**
 * Checks the chain of the audit log up to its head, and yields what is wrong, in the order of the numbers. It reads some thousands of
 * entries at a time, and takes no lock: entries may be written meanwhile.
 */
export class AuditCheck {
  /** How many entries were read. */
  count = 0;
  head: AuditHead = BEFORE_FIRST;

  constructor(private readonly log: AuditLog) {}

  /**
   * @param from the first entry that is checked; what stands before it is believed
   * @param anchor a head of earlier, which was kept elsewhere: the chain must have grown out of it
   */
  async *faults({
    from = 1,
    anchor,
  }: {
    from?: number;
    anchor?: AuditHead | undefined;
  } = {}): AsyncGenerator<AuditFault> {
    // First: what is committed now has a number up to the head's, and stays.
    this.head = await this.log.head();
    const [before] = from > 1 ? await this.log.rowsAfter(from - 2, 1) : [];
    const isKnown = from === 1 || before?.seq === from - 1;
    const chain = new Chain({ seq: from - 1, hash: isKnown ? (before ?? BEFORE_FIRST).hash : undefined });
    let next = this.log.rowsAfter(from - 1, STEP);
    for (;;) {
      const rows = await next;
      const last = rows.at(-1);
      const isEnd = !last || rows.length < STEP || last.seq >= this.head.seq;
      // The next are read while these are checked.
      if (!isEnd) next = this.log.rowsAfter(last.seq, STEP);
      for (const row of rows) {
        if (row.seq > this.head.seq) break;
        this.count += 1;
        yield* chain.faultsOf(row);
      }
      if (isEnd) break;
    }
    yield* chain.faultsOfEnd(this.head);
    yield* this.beyond();
    if (anchor) yield* this.faultsOfAnchor(anchor, chain.lastSeq);
  }

  private async *faultsOfAnchor({ seq, hash }: AuditHead, last: number): AsyncGenerator<AuditFault> {
    if (seq === 0) {
      if (!hash.equals(BEFORE_FIRST.hash)) yield { fault: 'rewritten', seq, by: 'anchor' };
      return;
    }
    const [row] = await this.log.rowsAfter(seq - 1, 1);
    if (row?.seq === seq) {
      if (!hash.equals(row.hash)) yield { fault: 'rewritten', seq, by: 'anchor' };
    } else if (last < seq) yield { fault: 'cut', last, expected: seq, by: 'anchor' };
    else yield { fault: 'missing', from: seq, to: seq };
  }

  /** Entries that the head does not know. It is read after them, so it knows those of a transaction that ended meanwhile. */
  private async *beyond(): AsyncGenerator<AuditFault> {
    const [row] = await this.log.rowsAfter(this.head.seq, 1);
    if (!row) return;
    const head = await this.log.head();
    const [beyond] = await this.log.rowsAfter(head.seq, 1);
    if (beyond && head.seq === this.head.seq) yield { fault: 'beyond', seq: beyond.seq, head: head.seq };
  }
}

/** Most rows in other places whose hashes are remembered. */
const MOST_MOVED = 10_000;

/** Walks up the chain. */
class Chain {
  /** What the last entry gives, when its stored hash is another: one of the two was changed, and the next entry tells which. */
  private computed: Buffer | undefined;
  /** The hashes of rows that stand in others' places, by the numbers in their entries. */
  private readonly moved = new Map<number, Buffer>();
  /** Entries behind such a row, by the number that they go on from: they are checked when it is found in another's place. */
  private readonly waiting = new Map<number, AuditRow>();

  /** @param last undefined hash: not known, so that the next entry cannot be checked against it */
  constructor(private last: { seq: number; hash: Buffer | undefined }) {}

  get lastSeq(): number {
    return this.last.seq;
  }

  *faultsOf(row: AuditRow): Generator<AuditFault> {
    const expected = this.last.seq + 1;
    if (row.seq !== expected) {
      yield* this.changedLast('entry');
      yield { fault: 'missing', from: expected, to: row.seq - 1 };
      this.last = { seq: row.seq - 1, hash: undefined };
    }
    const parsed = parse(row.entry);
    if (typeof parsed?.seq === 'number' && parsed.seq !== row.seq) {
      yield* this.changedLast('entry');
      yield { fault: 'moved', seq: row.seq, is: parsed.seq };
      yield* this.found(parsed.seq, row.hash);
      this.last = { seq: row.seq, hash: this.moved.get(row.seq) };
      return;
    }
    if (!this.last.hash && this.waiting.size < MOST_MOVED) this.waiting.set(this.last.seq, row);
    yield* this.faultsOfHash(row);
    yield* faultsOfColumns(row, parsed);
    this.last = row;
  }

  *faultsOfEnd(head: AuditHead): Generator<AuditFault> {
    const isHash = this.computed?.equals(head.hash) ?? false;
    yield* this.changedLast(isHash ? 'hash' : 'entry');
    const { seq, hash } = this.last;
    if (seq < head.seq) yield { fault: 'cut', last: seq, expected: head.seq, by: 'head' };
    else if (hash && !isHash && !hash.equals(head.hash)) yield { fault: 'rewritten', seq, by: 'head' };
  }

  /** The entry of this number is found, in another's place. */
  private *found(seq: number, hash: Buffer): Generator<AuditFault> {
    const next = this.waiting.get(seq);
    this.waiting.delete(seq);
    if (next && !chained(hash, next.entry).equals(next.hash)) yield { fault: 'changed', seq: next.seq, what: 'entry' };
    if (this.moved.size < MOST_MOVED) this.moved.set(seq, hash);
  }

  private *faultsOfHash({ entry, hash }: AuditRow): Generator<AuditFault> {
    const computed = this.last.hash && chained(this.last.hash, entry);
    const isRight = !computed || computed.equals(hash);
    // It goes on from what the last entry gives, so that one is right, and its hash is not.
    const isLastRight = !isRight && this.computed !== undefined && chained(this.computed, entry).equals(hash);
    yield* this.changedLast(isLastRight ? 'hash' : 'entry');
    this.computed = isRight || isLastRight ? undefined : computed;
  }

  private *changedLast(what: 'entry' | 'hash'): Generator<AuditFault> {
    if (this.computed) yield { fault: 'changed', seq: this.last.seq, what };
    this.computed = undefined;
  }
}

function* faultsOfColumns(row: AuditRow, parsed: Parsed | undefined): Generator<AuditFault> {
  if (!parsed) return;
  const { seq, reason, reasonSalt } = row;
  for (const [name, column] of COLUMNS) if (parsed[name] !== row[column]) yield { fault: 'column', seq, column };
  // A reason that was erased has left no word and no salt.
  if (reason === null && reasonSalt === null) return;
  const salted =
    reason !== null && reasonSalt && digest('sha256', Buffer.concat([reasonSalt, Buffer.from(reason)]), 'hex');
  if (salted !== parsed.reason) yield { fault: 'reason', seq };
}

type Parsed = Record<string, unknown>;

/** Undefined for what is no entry: its hash is wrong, and that is said. */
function parse(entry: string): Parsed | undefined {
  try {
    const value: unknown = JSON.parse(entry);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function chained(before: Buffer, entry: string): Buffer {
  return digest('sha256', Buffer.concat([before, Buffer.from(entry)]), 'buffer');
}

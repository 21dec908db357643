import type { MarkedHead } from '../../domain/log/marks.js';
import { type InboxPosition, type PositionLevel, PositionText } from '../../domain/mine/inbox-position.js';

/** The newest head of an open chat that the process knows; undefined when it has not read one. */
export type HeadOf = (chatId: string) => Pick<MarkedHead, 'seq' | 'mark'> | undefined;

/**
 * Up to how many exceptions there may be for one more to be made, by what makes it: a position has at most `MAX_EXCEPTIONS`. What
 * frees others comes last.
 */
const MOST = {
  /** A live event. */
  live: 240,
  /** An event of a chat that catches up. */
  catchingUp: 256,
  /** The pivot passes a chat that has changed since the level was taken. */
  passed: 270,
  /** The user joins a chat. */
  joined: 280,
  /** An event of the first chat that catches up, so that the others can follow. */
  first: 290,
} as const;

/** A chat in which the client is up to date but for what comes live. An inbox may have ten thousand of them. */
interface Progress {
  epoch: string;
  /** The client has the chat's changes up to this number. */
  delivered: number;
  /** The chat's head when the client's snapshot was taken. */
  seq: number;
  mark: number;
}

/**
 * What the client of one inbox has, as the shortest exact position.
 *
 * A position's level W says: of each chat that is no exception, the client has the changes whose marks are below W. A new W is adopted
 * with the heads of the same moment: a chat is no exception if the client has it up to its head and the head's mark is below W. So only
 * chats that have changed lately are exceptions.
 *
 * A client that was away catches up with its chats in the order of their ids. The chats before the pivot, which is the first that has
 * not caught up, are at the new level, those behind it at the levels that the client came with.
 */
export class InboxProgress {
  private readonly chats = new Map<string, Progress>();
  private readonly exceptions: Map<string, number>;
  /** Chats that the user has left, and a mark that the removal's is not above; undefined while it is not known. */
  private readonly left = new Map<string, number | undefined>();
  /** As `left`, of chats that the user is about to leave. */
  private readonly removals = new Map<string, number>();
  /** Chats whose heads have changed since the level was taken. */
  private readonly changed = new Set<string>();
  /** Whether the chats' heads may have changed before this inbox was told of changes. */
  private isFirstLevel = true;
  private below: number;
  private before: readonly PositionLevel[];
  /** The first chat that has not caught up, or for which there is no room yet as an exception; null when all are at the level. */
  private pivot: string | null = null;
  private readonly behind: Set<string>;
  /** While chats catch up: the chats of the snapshot by their ids, and how many of them the pivot has passed. */
  private order: readonly string[] = [];
  private place = 0;
  private headOf: HeadOf = (chatId) => this.chats.get(chatId);
  /** Undefined when more than an exception has changed since it was written. */
  private writer: PositionText | undefined;
  /** Undefined when it has changed. */
  private text: string | undefined;

  /**
   * @param start the position that the client came with
   * @param below the level of the snapshot that was taken since
   * @param behind the chats in which it has missed something
   */
  constructor(
    private readonly start: InboxPosition,
    below: number,
    behind: Iterable<string>,
    private statesBelow = start.statesBelow,
  ) {
    this.below = below;
    this.before = start.levels;
    this.exceptions = new Map(start.exceptions);
    this.behind = new Set([...behind].sort());
  }

  /** Called for each chat of the snapshot, and for one that is opened later. */
  add({ chatId, epoch, seq, mark }: MarkedHead, delivered: number): void {
    this.chats.set(chatId, { epoch, delivered, seq, mark });
    this.left.delete(chatId);
  }

  /** All chats of the snapshot have been added: exceptions of other chats, and those that the new level makes needless, end. */
  begin(): void {
    if (this.behind.size > 0) this.order = [...this.chats.keys()].sort();
    this.advance();
    for (const id of [...this.exceptions.keys()])
      if (!this.chats.has(id) && !this.left.has(id)) this.exceptions.delete(id);
      else if (this.isAtLevel(id)) this.settle(id);
    this.rewrite();
  }

  /** Whether one more chat may become an exception: a position has a size. */
  hasRoomFor(chatId: string): boolean {
    if (this.exceptions.has(chatId)) return true;
    const isBehind = this.behind.has(chatId);
    const kind = !isBehind ? 'live' : chatId === this.pivot ? 'first' : 'catchingUp';
    return this.exceptions.size < MOST[kind];
  }

  /** Whether one more chat that the user joins may become an exception. */
  get hasRoomToJoin(): boolean {
    return this.exceptions.size < MOST.joined;
  }

  get hasExceptions(): boolean {
    return this.exceptions.size > 0;
  }

  delivered(chatId: string, seq: number): void {
    const chat = this.chats.get(chatId);
    if (chat) chat.delivered = seq;
    this.exceptions.set(chatId, seq);
    this.writer?.except(chatId, seq);
    this.text = undefined;
  }

  /** The chats that the user is a member of, as far as the client has been told. */
  chatIds(): Iterable<string> {
    return this.chats.keys();
  }

  /** The history that the chat's numbers count in; undefined for a chat that is none of the user's. */
  epochOf(chatId: string): string | undefined {
    return this.chats.get(chatId)?.epoch;
  }

  deliveredOf(chatId: string): number | undefined {
    return this.chats.get(chatId)?.delivered ?? this.exceptions.get(chatId);
  }

  /** The chat has caught up with what the client missed in it. */
  caughtUp(chatId: string): void {
    if (!this.behind.delete(chatId)) return;
    this.advance();
    this.rewrite();
  }

  /** The user is no member any more. */
  leave(chatId: string): void {
    this.chats.delete(chatId);
    this.left.set(chatId, this.removals.get(chatId));
    this.removals.delete(chatId);
  }

  /**
   * The user is removed from the chat with this number, which may still have to be delivered.
   * @param mark not below the removal's
   */
  removed(chatId: string, seq: number, mark: number): void {
    if (this.left.has(chatId)) {
      if (seq >= (this.exceptions.get(chatId) ?? 0)) this.left.set(chatId, mark);
    } else if (seq > (this.chats.get(chatId)?.delivered ?? seq)) this.removals.set(chatId, mark);
  }

  /**
   * Takes a new level.
   * @param changed the heads that have changed since the last call, of any user's chats
   */
  adopt(below: number, changed: readonly MarkedHead[], headOf: HeadOf): void {
    for (const { chatId } of changed) if (this.chats.has(chatId)) this.changed.add(chatId);
    if (below <= this.below) return;
    const due = new Set([...this.exceptions.keys(), ...(this.isFirstLevel ? this.chats.keys() : this.changed)]);
    const settled = [...due].filter((id) => this.isAtLevel(id));
    const exceptions = new Set(settled.filter((id) => this.isException(id, below, headOf)));
    // Without room for what the level makes exceptions, it waits.
    const unsettled = this.exceptions.size - settled.filter((id) => this.exceptions.has(id)).length;
    if (unsettled + exceptions.size > MOST.catchingUp) return;
    this.below = below;
    this.headOf = headOf;
    this.isFirstLevel = false;
    this.changed.clear();
    for (const id of settled) this.settle(id, exceptions.has(id));
    this.advance();
    this.rewrite();
  }

  /** The client has all of its own states with lower marks. */
  statesDelivered(below: number): void {
    if (below <= this.statesBelow) return;
    this.statesBelow = below;
    this.rewrite();
  }

  get statesFrom(): number {
    return this.statesBelow;
  }

  get level(): number {
    return this.below;
  }

  get position(): string {
    this.writer ??= new PositionText({
      instance: this.start.instance,
      statesBelow: this.statesBelow,
      levels: this.levels(),
      exceptions: this.exceptions,
    });
    this.text ??= this.writer.toString();
    return this.text;
  }

  private rewrite(): void {
    this.writer = undefined;
    this.text = undefined;
  }

  private levels(): PositionLevel[] {
    const { pivot, below } = this;
    if (pivot === null) return [{ idBelow: null, below }];
    return [{ idBelow: pivot, below }, ...this.before.filter(({ idBelow }) => idBelow === null || idBelow > pivot)];
  }

  /** Moves the pivot over the chats that have caught up, as far as there is room for those of them that become exceptions. */
  private advance(): void {
    const [firstBehind] = this.behind;
    for (; this.place < this.order.length; this.place += 1) {
      const id = this.order[this.place];
      if (id === undefined || id === firstBehind) break;
      const isException = this.isException(id, this.below, this.headOf);
      if (isException && !this.exceptions.has(id) && this.exceptions.size >= MOST.passed) break;
      this.settle(id, isException);
    }
    this.pivot = this.order[this.place] ?? null;
    if (this.pivot !== null) return;
    this.order = [];
    this.place = 0;
  }

  private isAtLevel(chatId: string): boolean {
    return this.pivot === null || chatId < this.pivot;
  }

  private settle(chatId: string, isException = this.isException(chatId, this.below, this.headOf)): void {
    const delivered = this.deliveredOf(chatId);
    if (delivered !== undefined && isException) {
      this.exceptions.set(chatId, delivered);
      return;
    }
    this.exceptions.delete(chatId);
    this.left.delete(chatId);
  }

  private isException(chatId: string, below: number, headOf: HeadOf): boolean {
    const chat = this.chats.get(chatId);
    if (!chat) {
      const mark = this.left.get(chatId);
      return mark === undefined || mark >= below;
    }
    const head = headOf(chatId);
    // Of a chat that was opened after the heads were read, nothing else is known.
    if (!head) return true;
    return chat.delivered !== head.seq || head.mark >= below;
  }
}

import { type ChatEvent, forgets, showsForgotten } from '../domain/log/chat-events.js';
import type { ChatHead, LogPage, ReadPage } from '../domain/log/chat-log.js';
import type { Cursor } from '../domain/log/cursor.js';
import type { ChatSignal } from '../domain/signals.js';
import { DeliveryCounts, type RepairCause } from './delivery-counts.js';
import { type EventHolder, type Replace, replacementBy } from './event-holder.js';
import type { Feed, FlushScheduler } from './flush-scheduler.js';
import { MessageStates } from './message-states.js';
import { RecentEvents } from './recent-events.js';
import { ReorderBuffer } from './reorder-buffer.js';
import { type LogReader, PAGE_LENGTH, SharedPages } from './shared-pages.js';

/** Receives a chat's live events in order, from the feed's position at the time of `add`. Some older events may come first. */
export interface FeedListener {
  /** The events of one flush. All listeners get the same array. */
  deliver(events: readonly ChatEvent[]): void;
  /** Takes a signal, which came after the events that were delivered. */
  signal?(signal: ChatSignal): void;
  /** The chat's history was replaced. The listener must leave the feed and start again. */
  historyReplaced(): void;
  /** The chat does not exist any more. */
  chatNotFound(): void;
}

/** How far a feed had got at one moment. `epoch` is undefined before the feed has seen a head. */
export interface FeedPosition {
  epoch: string | undefined;
  seq: number;
}

/** Events per flush at most: a consumer has to take all of them, even when it is full. */
const MAX_FLUSH_LENGTH = 16;
/** Signals that wait for a flush at most. Further ones are dropped. */
const MAX_SIGNALS = 64;
/** Events of two processes may overtake each other on the bus. A gap is given this long to close by itself. Milliseconds. */
const GAP_GRACE_MS = 10;

/**
 * One chat's events in order, for this process. The bus may lose, repeat and reorder events; missing ones are read from the log,
 * one read at a time.
 *
 * An event that shows a message in a later state replaces that message in all events that this process holds, as soon as it comes. So a
 * client that resumes gets from memory what it would get from the log, and deleted text is held nowhere.
 */
export class ChatFeed implements Feed {
  private readonly listeners = new Set<FeedListener>();
  /** The streams of this chat, which hold events until they are closed. */
  private readonly streams = new Set<EventHolder>();
  private readonly reorderBuffer = new ReorderBuffer();
  /** States of messages that are newer than `lastSeq`: the events up to there may still come with older ones. */
  private readonly newerStates = new MessageStates();
  private readonly pages: SharedPages;
  private recent = new RecentEvents(0);
  /** Events for the next flush. `recent` holds them too. */
  private pending: ChatEvent[] = [];
  /** Signals for the next flush. */
  private signals: ChatSignal[] = [];
  /** Written by the flush scheduler alone. */
  isDue = false;
  /** `lastSeq` at the last `trim`. */
  private seqAtLastTrim = 0;
  /** The chat's history and the newest event of it that came here in order; null before the first head was read. */
  private head: ChatHead | null = null;
  private highestKnownSeq = 0;
  private isRepairing = false;
  /** How often the history was replaced. An earlier history may have had the same epoch. */
  generation = 0;
  private gapTimer: NodeJS.Timeout | undefined;
  /** Why the next repair is scheduled. */
  private repairCause: RepairCause = 'gap';

  constructor(
    readonly chatId: string,
    private readonly log: LogReader,
    private readonly scheduler: Pick<FlushScheduler, 'addEvent'>,
    private readonly onRepairError: (error: unknown) => void,
    private readonly gapGraceMs = GAP_GRACE_MS,
    private readonly counts = new DeliveryCounts(),
  ) {
    this.pages = new SharedPages(log, (page) => this.noteStates(page));
  }

  /** The newest event that came here in order: delivered, or due in the next flush. */
  get lastSeq(): number {
    return this.head?.seq ?? 0;
  }

  /** The history that `lastSeq` counts in; undefined before the first head was read. */
  get epoch(): string | undefined {
    return this.head?.epoch;
  }

  /** Whether all that it knows of has been delivered, so that a new feed with its position would do as well. */
  get isQuiet(): boolean {
    const isDelivered = this.pending.length === 0 && this.signals.length === 0;
    return isDelivered && this.highestKnownSeq <= this.lastSeq && this.newerStates.size === 0;
  }

  /** Read this before a query for the chat's head, and pass it to `observe` with the result. */
  get position(): FeedPosition {
    return { epoch: this.head?.epoch, seq: this.lastSeq };
  }

  /** Takes an event from the bus, which may be a repetition, out of order, or of another history. */
  receive(event: ChatEvent): void {
    if (event.seq <= this.lastSeq || (this.head && event.epoch !== this.head.epoch)) return;
    this.highestKnownSeq = Math.max(this.highestKnownSeq, event.seq);
    // Usually it is the next one.
    if (this.head && event.seq === this.lastSeq + 1) this.append(event, event.seq);
    else this.receiveEarly(event);
    if (!this.head) return;
    this.appendBuffered();
    this.scheduleRepair('gap');
  }

  /** Notes an event that the bus brought in a form that could not be read. It is read from the log instead. */
  receiveUnreadable({ epoch, seq }: Cursor): void {
    if (this.head && epoch !== this.head.epoch) return;
    this.highestKnownSeq = Math.max(this.highestKnownSeq, seq);
    if (this.head) this.scheduleRepair('unreadable');
  }

  /**
   * Compares the feed with a head from the database. Committed numbers never disappear, so another epoch, or a number below the
   * feed's position before the read, means that the history was replaced.
   */
  observe(head: ChatHead, positionBefore: FeedPosition): void {
    // A faster read has replaced the history already.
    if (positionBefore.epoch !== this.epoch) return;
    if (head.epoch !== this.epoch || head.seq < positionBefore.seq) {
      this.replaceHistory(head);
    } else if (head.seq > this.lastSeq) {
      // The missing events are usually on their way over the bus; the rest is read after the grace period.
      this.highestKnownSeq = Math.max(this.highestKnownSeq, head.seq);
      this.scheduleRepair('probe');
    }
  }

  /**
   * The events after `seq`, when all of them are in memory; undefined when the log has to be read. That is so too while newer events are
   * missing: one of them may have changed, or deleted, what a message in memory says.
   */
  since(seq: number): LogPage | undefined {
    const isCurrent = this.highestKnownSeq <= this.lastSeq;
    const events = seq >= this.lastSeq ? [] : isCurrent ? this.recent.since(seq) : undefined;
    return events && { events, upTo: Math.max(seq, this.lastSeq) };
  }

  /** Drops from memory the events up to the position of the last call. Called at intervals. */
  trim(): void {
    this.recent.dropUpTo(this.seqAtLastTrim);
    this.newerStates.dropUpTo(this.lastSeq);
    this.seqAtLastTrim = this.lastSeq;
  }

  /** A page of history after `seq`. Readers who want the same page at about the same time share one read. */
  page(seq: number, length: number): Promise<LogPage> {
    if (!this.head) return Promise.resolve({ events: [], upTo: seq });
    const missingSeq = this.highestKnownSeq > this.lastSeq ? this.highestKnownSeq : 0;
    return this.pages.read(this.head, seq, length, missingSeq);
  }

  /** Replaces what the stream holds, live or not, until `detach`. */
  attach(stream: EventHolder): void {
    this.streams.add(stream);
  }

  detach(stream: EventHolder): void {
    this.streams.delete(stream);
  }

  add(listener: FeedListener): void {
    this.listeners.add(listener);
  }

  delete(listener: FeedListener): void {
    this.listeners.delete(listener);
  }

  /** Takes a signal for the next flush. */
  signal(signal: ChatSignal): void {
    if (this.listeners.size === 0 || this.signals.length >= MAX_SIGNALS) return;
    this.signals.push(signal);
    this.scheduler.addEvent(this);
  }

  /** Delivers the events that came since the last flush, and then the signals. */
  flush(): void {
    if (this.pending.length > 0) {
      const { pending } = this;
      this.pending = [];
      this.counts.delivered += pending.length * this.listeners.size;
      for (const listener of this.listeners) listener.deliver(pending);
    }
    if (this.signals.length > 0) this.flushSignals();
  }

  /** A missing event may be a listener's removal. Receipts that came after it wait for it; who is writing is of the moment. */
  private flushSignals(): void {
    const { signals } = this;
    const isBehind = this.highestKnownSeq > this.lastSeq;
    this.signals = isBehind ? signals.filter(({ type }) => type === 'receipts') : [];
    if (isBehind) return;
    for (const signal of signals) for (const listener of this.listeners) listener.signal?.(signal);
  }

  /** Tells the listeners that the chat does not exist any more. */
  chatNotFound(): void {
    this.flush();
    for (const listener of [...this.listeners]) listener.chatNotFound();
  }

  close(): void {
    clearTimeout(this.gapTimer);
    this.listeners.clear();
    this.streams.clear();
    this.reorderBuffer.clear();
    this.newerStates.clear();
    this.pages.clear();
    this.recent = new RecentEvents(this.lastSeq);
    this.pending = [];
    this.signals = [];
    this.highestKnownSeq = 0;
  }

  private replaceHistory(head: ChatHead): void {
    const isFirst = this.head === null;
    // Events of the old history are delivered before listeners are told that it ended.
    this.flush();
    if (!isFirst) {
      this.generation += 1;
      this.counts.replacedHistories += 1;
    }
    this.head = { ...head };
    this.recent = new RecentEvents(head.seq);
    this.seqAtLastTrim = head.seq;
    this.pages.clear();
    this.highestKnownSeq = isFirst ? Math.max(this.highestKnownSeq, head.seq) : head.seq;
    if (isFirst) {
      this.reorderBuffer.dropUpTo(head.seq);
      this.appendBuffered();
      this.scheduleRepair('gap');
    } else {
      this.reorderBuffer.clear();
      this.newerStates.clear();
      for (const listener of [...this.listeners]) listener.historyReplaced();
    }
  }

  private appendBuffered(): void {
    for (let next = this.takeNextBuffered(); next; next = this.takeNextBuffered()) this.append(next, next.seq);
  }

  private takeNextBuffered(): ChatEvent | undefined {
    return this.reorderBuffer.take(this.lastSeq + 1);
  }

  /** Keeps an event until its turn comes. What it shows is known from now on. */
  private receiveEarly(event: ChatEvent): void {
    const current = this.newerStates.current(event, event.seq);
    this.newerStates.note(current, current.seq);
    this.applyChange(current);
    this.reorderBuffer.add(current);
  }

  /** @param asOf the newest number when the event's message was read */
  private append(received: ChatEvent, asOf: number): void {
    if (received.epoch !== this.head?.epoch || received.seq <= this.head.seq) return;
    const event = this.newerStates.current(received, asOf);
    const forgotten = forgets(event);
    // It may flush: until the event is among the recent ones, the feed's position must not include it.
    if (forgotten) this.erase((held) => showsForgotten(held, forgotten));
    this.applyChange(event);
    this.head.seq = event.seq;
    this.newerStates.dropAllUpTo(event.seq);
    this.recent.add(event);
    this.pending.push(event);
    this.scheduler.addEvent(this);
    if (this.pending.length >= MAX_FLUSH_LENGTH) this.flush();
  }

  /** Puts the message that the event shows into the events held. Returns at once for an event that changes no message. */
  private applyChange(event: ChatEvent): void {
    const replace = replacementBy(event);
    if (!replace) return;
    this.pages.noteChange(event);
    this.replaceHeld(replace);
  }

  private replaceHeld(replace: Replace): void {
    this.recent.replace(replace);
    this.pending = this.pending.map(replace);
    this.reorderBuffer.replace(replace);
    this.pages.replace(replace);
    for (const stream of this.streams) stream.replace(replace);
  }

  /**
   * A page shows messages as they are now. That may be newer than what the bus has brought, and no reader of the page may be shown
   * an older state after it.
   */
  private noteStates({ events, asOf }: ReadPage): void {
    if (asOf <= this.lastSeq) return;
    for (const event of events) this.newerStates.note(event, asOf);
    if (this.newerStates.size > 0) this.replaceHeld(this.newerStates.replacement());
  }

  /** Drops erased contents from memory. Pending events precede the erasure, so they are delivered first. */
  private erase(isErased: (event: ChatEvent) => boolean): void {
    if (this.pending.some(isErased)) this.flush();
    this.recent.erase(isErased);
    this.newerStates.clear();
    this.reorderBuffer.erase(isErased);
    // A page may hold erased contents, or still be in the middle of its read.
    this.pages.erase();
  }

  private scheduleRepair(cause: RepairCause): void {
    if (this.highestKnownSeq <= this.lastSeq || this.gapTimer) return;
    this.repairCause = cause;
    this.gapTimer = setTimeout(() => void this.repair(), this.gapGraceMs);
  }

  /** Reads missing events from the log. When the database is away it gives up; the hub's next probe starts it again. */
  private async repair(): Promise<void> {
    clearTimeout(this.gapTimer);
    this.gapTimer = undefined;
    if (this.isRepairing || this.highestKnownSeq <= this.lastSeq) return;
    this.isRepairing = true;
    try {
      this.counts.repairs.add(this.repairCause);
      await this.readMissing();
      this.scheduleRepair('gap');
    } catch (error) {
      this.onRepairError(error);
    } finally {
      this.isRepairing = false;
    }
  }

  private async readMissing(): Promise<void> {
    const announcedSeq = this.highestKnownSeq;
    const before = this.position;
    const [head] = await this.log.heads([this.chatId]);
    // The bus may have announced numbers that do not exist: the database has the last word.
    if (!head || this.epoch !== before.epoch || head.epoch !== before.epoch) {
      if (head) this.observe(head, before);
      return;
    }
    while (head.seq > this.lastSeq) {
      const after = this.lastSeq;
      const { events, upTo, asOf } = await this.pages.read(head, after, PAGE_LENGTH);
      if (this.head?.epoch !== head.epoch) return;
      if (upTo <= after) throw new Error(`A page of chat ${this.chatId} after ${after} ended at ${upTo}.`);
      for (const event of events) this.append(event, asOf);
      // A number at or below the head without a row was deleted by hand, and is skipped.
      this.head.seq = Math.max(this.head.seq, upTo);
      this.reorderBuffer.dropUpTo(this.lastSeq);
      this.appendBuffered();
    }
    if (this.highestKnownSeq === announcedSeq) this.highestKnownSeq = this.lastSeq;
  }
}

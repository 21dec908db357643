import type { ChatEvent } from '../domain/chat-events.js';
import type { ChatHead, ChatLog } from '../domain/chat-log.js';
import type { Feed, Rounds } from './rounds.js';

/**
 * One who hears a chat live: every change in its order, from the number after the one the feed stood at when it joined; now
 * and then also some from before that.
 */
export interface FeedListener {
  /** What came in one round; the same list for all who listen. */
  changed(events: readonly ChatEvent[]): void;
  /** The history was replaced. The listener is to leave and to begin anew. */
  replaced(): void;
  /** The chat is no more. */
  gone(): void;
}

/** The part of the chat log that delivery reads. */
export type LogReader = Pick<ChatLog, 'heads' | 'events'>;

/** A moment of a feed: the number it had delivered, in which history; no history before the first head was seen. */
export interface Standing {
  epoch: string | undefined;
  seq: number;
}

/** Consecutive changes: all there are after one number, up to and including `upTo`. */
export interface FeedPage {
  events: readonly ChatEvent[];
  upTo: number;
}

/** How many delivered changes stay in memory for a moment, so that who is a little behind needs no database. */
const TAIL_LENGTH = 256;
/** Changes that came early and wait for their predecessors; those beyond are read from the log when it is their turn. */
const MAX_EARLY = 1024;
const PAGE_LENGTH = 256;
/** How many changes are handed out together at most: a full consumer has to take them all. */
const MAX_TOGETHER = 16;
/** When a process dies, all who come back from it want the same pages within a moment. Milliseconds. */
const PAGE_KEPT_MS = 500;
/** Two processes' changes may cross on the bus; a hole younger than this closes by itself. Milliseconds. */
const HOLE_PATIENCE_MS = 10;

/**
 * One chat's changes in their order, for this process. The bus may lose, repeat and reorder; what is missing is read from
 * the log, one read at a time.
 */
export class ChatFeed implements Feed {
  private readonly listeners = new Set<FeedListener>();
  private readonly early = new Map<number, ChatEvent>();
  private readonly pages = new Map<number, Promise<FeedPage>>();
  private tail: ChatEvent[] = [];
  /** Changes that are to be handed out in the next round. They are in `tail` too. */
  private fresh: ChatEvent[] = [];
  /** For the rounds alone. */
  isDue = false;
  /** The number that everything in `tail` comes after, without a gap. */
  private tailStart = 0;
  /** Where the feed stood when `forgetOld` was called last. */
  private stoodAt = 0;
  /** Where this process stands; null until the first head was seen. */
  private head: ChatHead | null = null;
  /** The highest number known to exist. */
  private known = 0;
  private repairing = false;
  /** How many histories there have been before this one: they may have the same epoch. */
  generation = 0;
  private holeTimer: NodeJS.Timeout | undefined;

  constructor(
    readonly chatId: string,
    private readonly log: LogReader,
    private readonly rounds: Pick<Rounds, 'addChange'>,
    private readonly onRepairError: (error: unknown) => void,
    private readonly holePatienceMs = HOLE_PATIENCE_MS,
  ) {}

  /** The number of the newest change that was delivered here, or is to be in the next round. */
  get delivered(): number {
    return this.head?.seq ?? 0;
  }

  /** A change that the bus brought. */
  receive(event: ChatEvent): void {
    if (event.seq <= this.delivered || (this.head && event.epoch !== this.head.epoch)) return;
    this.known = Math.max(this.known, event.seq);
    // Mostly it is the next one.
    if (this.head && event.seq === this.delivered + 1) this.deliver(event);
    else if (this.early.size < MAX_EARLY) this.early.set(event.seq, event);
    if (!this.head) return;
    this.deliverEarly();
    this.closeHoles();
  }

  /** Where the feed stands now, to be handed to `observe` with a head whose reading begins now. */
  get standing(): Standing {
    return { epoch: this.head?.epoch, seq: this.delivered };
  }

  /**
   * A head that was read from the database. A committed number never disappears, so one that is lower than where the feed
   * stood when the reading began, or of another epoch, means that the history was replaced.
   */
  observe(head: ChatHead, before: Standing): void {
    // Another reading was faster and has replaced the history already.
    if (before.epoch !== this.epoch) return;
    if (head.epoch !== this.epoch || head.seq < before.seq) {
      this.replace(head);
    } else if (head.seq > this.delivered) {
      // Those that are on their way over the bus come first, mostly; what does not come is read.
      this.known = Math.max(this.known, head.seq);
      this.closeHoles();
    }
  }

  /** Names the history that the numbers count in. */
  get epoch(): string | undefined {
    return this.head?.epoch;
  }

  /** The changes after `seq` when all of them are in memory; undefined when the log has to be read. */
  since(seq: number): FeedPage | undefined {
    const first = this.tail.findLastIndex((event) => event.seq <= seq) + 1;
    const reaches = seq >= this.delivered || seq >= this.tailStart;
    return reaches ? { events: this.tail.slice(first), upTo: Math.max(seq, this.delivered) } : undefined;
  }

  /** Called now and then: forgets what had been delivered before the last call. Who is further behind than that reads the log. */
  forgetOld(): void {
    if (this.stoodAt > this.tailStart) {
      this.tail = this.tail.filter((event) => event.seq > this.stoodAt);
      this.tailStart = this.stoodAt;
    }
    this.stoodAt = this.delivered;
  }

  /**
   * A page of history after `seq` and up to `headSeq`, a number known to be committed and higher. Those who want the same
   * page at about the same time share one reading, and its events.
   */
  page(seq: number, headSeq = this.delivered): Promise<FeedPage> {
    const { head } = this;
    if (!head) return Promise.resolve({ events: [], upTo: seq });
    const shared = this.pages.get(seq);
    if (shared) return shared;
    const upTo = Math.max(seq, Math.min(headSeq, seq + PAGE_LENGTH));
    const page = this.log.events({ ...head, seq: upTo }, seq, PAGE_LENGTH).then((events) => ({ events, upTo }));
    this.pages.set(seq, page);
    const forget = () => void (this.pages.get(seq) === page && this.pages.delete(seq));
    page.then(() => setTimeout(forget, PAGE_KEPT_MS).unref(), forget);
    return page;
  }

  add(listener: FeedListener): void {
    this.listeners.add(listener);
  }

  delete(listener: FeedListener): void {
    this.listeners.delete(listener);
  }

  /** Hands out what came since it did so last. */
  flush(): void {
    if (this.fresh.length === 0) return;
    const { fresh } = this;
    this.fresh = [];
    for (const listener of this.listeners) listener.changed(fresh);
  }

  gone(): void {
    this.flush();
    for (const listener of [...this.listeners]) listener.gone();
  }

  close(): void {
    clearTimeout(this.holeTimer);
    this.listeners.clear();
    this.early.clear();
    this.tail = [];
    this.fresh = [];
    this.known = 0;
  }

  private replace(head: ChatHead): void {
    const first = this.head === null;
    // What came of the history before is heard before its end.
    this.flush();
    if (!first) this.generation += 1;
    this.head = { ...head };
    this.tail = [];
    this.tailStart = head.seq;
    this.stoodAt = head.seq;
    this.pages.clear();
    this.known = first ? Math.max(this.known, head.seq) : head.seq;
    if (first) {
      this.deliverEarly();
      this.closeHoles();
    } else {
      this.early.clear();
      for (const listener of [...this.listeners]) listener.replaced();
    }
  }

  private deliverEarly(): void {
    if (this.early.size === 0) return;
    for (let next = this.takeEarly(); next; next = this.takeEarly()) this.deliver(next);
    // What the log delivered meanwhile is not early any more.
    for (const seq of this.early.keys()) if (seq <= this.delivered) this.early.delete(seq);
  }

  private takeEarly(): ChatEvent | undefined {
    const event = this.early.get(this.delivered + 1);
    if (event) this.early.delete(event.seq);
    return event;
  }

  private closeHoles(): void {
    if (this.known > this.delivered) this.holeTimer ??= setTimeout(() => void this.repair(), this.holePatienceMs);
  }

  private deliver(event: ChatEvent): void {
    if (event.epoch !== this.head?.epoch || event.seq <= this.head.seq) return;
    this.head.seq = event.seq;
    this.tail.push(event);
    if (this.tail.length >= 2 * TAIL_LENGTH) {
      this.tailStart = this.tail.at(-TAIL_LENGTH - 1)?.seq ?? this.tailStart;
      this.tail = this.tail.slice(-TAIL_LENGTH);
    }
    this.fresh.push(event);
    this.rounds.addChange(this);
    if (this.fresh.length >= MAX_TOGETHER) this.flush();
  }

  /** Reads what is missing. A database that is away ends it; the hub's probe starts it again. */
  private async repair(): Promise<void> {
    clearTimeout(this.holeTimer);
    this.holeTimer = undefined;
    if (this.repairing || this.known <= this.delivered) return;
    this.repairing = true;
    try {
      await this.readHoles();
      this.closeHoles();
    } catch (error) {
      this.onRepairError(error);
    } finally {
      this.repairing = false;
    }
  }

  private async readHoles(): Promise<void> {
    const announced = this.known;
    const before = this.standing;
    const [head] = await this.log.heads([this.chatId]);
    // What the bus announced is believed only as far as the database confirms it.
    if (!head || this.epoch !== before.epoch || head.epoch !== before.epoch) {
      if (head) this.observe(head, before);
      return;
    }
    while (head.seq > this.delivered) {
      const { events, upTo } = await this.page(this.delivered, head.seq);
      if (this.head?.epoch !== head.epoch) return;
      for (const event of events) this.deliver(event);
      // A number below the head that has no row was taken out by hand: no one will ever bring it.
      this.head.seq = Math.max(this.head.seq, upTo);
      this.deliverEarly();
    }
    if (this.known === announced) this.known = this.delivered;
  }
}

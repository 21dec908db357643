import type { ChatEvent } from '../domain/chat-events.js';
import type { ChatHead } from '../domain/chat-log.js';
import type { Cursor } from '../domain/cursor.js';
import { DomainError } from '../domain/errors.js';
import { isAdmin, type Viewer } from '../domain/viewer.js';
import type { ChatFeed, FeedListener, FeedPage } from './chat-feed.js';

/** removed: the viewer's own `member.removed` went before. gone: the chat is no more. failed: our fault; resuming is right. */
export type StreamEnd = 'removed' | 'gone' | 'failed';

/** Whoever hears a stream. A method that throws ends its stream as `failed`. */
export interface StreamSink {
  /**
   * Takes changes that follow on each other, all of them, a few at most. Other sinks may get the same list. False says
   * "enough": the stream then holds nothing in memory and waits for `resume()`.
   */
  deliver(events: readonly ChatEvent[]): boolean;
  /** History up to `cursor` is complete; what follows is live. Once per stream, and again after a `reset`. */
  live(cursor: Cursor): void;
  /** The cursor asked for is of another history or of a number not reached; the stream goes on from `cursor`. */
  reset(cursor: Cursor): void;
  /** The last call. */
  end(reason: StreamEnd): void;
}

interface StreamStart {
  viewer: Viewer;
  /** Where the history stood when the viewer was let in. */
  head: ChatHead;
  after: Cursor | undefined;
}

/** Who opens streams, one for all of them. */
export interface StreamKeeper {
  /** Lets the viewer in again, into the feed's history, which replaced the one before. @throws DomainError `NOT_FOUND` */
  enter(feed: ChatFeed, viewer: Viewer): Promise<ChatHead>;
  closed(stream: ChatStream, feed: ChatFeed): void;
  failed(error: unknown): void;
}

/** How long to wait before a page that could not be read is tried again, in milliseconds. */
const RETRY_MS = 500;

/**
 * One consumer's way through a chat: history after a cursor, then live, as one sequence without a hole, a repetition or a
 * swap. It reads pages until the feed's memory holds all that follows, takes that, and joins the feed in the same turn of
 * the event loop. A consumer that has enough leaves the feed and later begins anew from where it stands, so a stream holds
 * at most one page, whatever the history and however slow its consumer.
 */
export class ChatStream implements FeedListener {
  readonly chatId: string;
  /** The cursor that a client may come back with if it hears nothing more. */
  readonly head: Cursor;
  private position: Cursor;
  private state: 'new' | 'reading' | 'live' | 'paused' | 'closed' = 'new';
  /** The page that the consumer had enough of in the middle. */
  private unread: FeedPage | undefined;
  private saidLive = false;
  private retryTimer: NodeJS.Timeout | undefined;
  private viewer: Viewer;
  /** The number at which the viewer was let in: a removal that comes after it ends the stream. */
  private letInAt: number;
  /** Which of the feed's histories the stream is in. */
  private generation: number;

  constructor(
    private readonly feed: ChatFeed,
    private readonly sink: StreamSink,
    private readonly keeper: StreamKeeper,
    { viewer, head, after }: StreamStart,
  ) {
    this.viewer = viewer;
    this.letInAt = head.seq;
    this.generation = feed.generation;
    this.chatId = feed.chatId;
    this.head = { epoch: head.epoch, seq: head.seq };
    this.position = { ...(after ?? this.head) };
  }

  /** Begins to call the sink. */
  start(): void {
    if (this.state !== 'new') return;
    this.state = 'paused';
    const { head } = this;
    this.guard(() => {
      if (this.position.epoch !== head.epoch || this.position.seq > head.seq) this.restart(head);
    });
    this.resume();
  }

  /** The viewer's role is another now. To be called before asking whether the viewer may still be here, so that no removal falls between. */
  viewerChanged(viewer: Viewer): void {
    this.viewer = viewer;
  }

  /** The consumer has room again. */
  resume(): void {
    if (this.state !== 'paused') return;
    clearTimeout(this.retryTimer);
    this.state = 'reading';
    void this.read();
  }

  /** Ends the stream without a further call to its sink. */
  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    clearTimeout(this.retryTimer);
    this.feed.delete(this);
    this.keeper.closed(this, this.feed);
  }

  changed(events: readonly ChatEvent[]): void {
    // What is lower was read from the log before the feed had it, or from the feed's memory before it was handed out.
    const { seq } = this.position;
    const areNews = events[0] !== undefined && events[0].seq > seq;
    const news = areNews ? events : events.filter((event) => event.seq > seq);
    if (news.length > 0) this.guard(() => this.hand(news));
  }

  replaced(): void {
    this.feed.delete(this);
    this.state = 'reading';
    void this.read();
  }

  gone(): void {
    this.end('gone');
  }

  private async read(): Promise<void> {
    while (this.state === 'reading') {
      try {
        await this.readOn();
      } catch (error) {
        this.keeper.failed(error);
        this.retry();
      }
    }
  }

  private async readOn(): Promise<void> {
    if (!this.isInFeedsHistory()) return this.enterAgain();
    const recent = this.unread ?? this.feed.since(this.position.seq);
    if (recent) return this.guard(() => this.takeRecent(recent));
    const page = await this.feed.page(this.position.seq);
    // Another history may have come while the page of this one was read.
    if (this.isInFeedsHistory()) this.guard(() => this.take(page));
  }

  private isInFeedsHistory(): boolean {
    return this.generation === this.feed.generation && this.position.epoch === (this.feed.epoch ?? this.position.epoch);
  }

  /** The history was replaced, and with it who is a member: the viewer is let in anew or not at all. */
  private async enterAgain(): Promise<void> {
    try {
      const head = await this.keeper.enter(this.feed, this.viewer);
      if (this.state !== 'reading') return;
      this.generation = this.feed.generation;
      this.letInAt = head.seq;
      this.guard(() => this.restart(head));
    } catch (error) {
      if (!(error instanceof DomainError && error.code === 'NOT_FOUND')) throw error;
      this.end('gone');
    }
  }

  /** A database that is away comes back, and the stream goes on from where it stands; meanwhile it says nothing. */
  private retry(): void {
    if (this.state !== 'reading') return;
    this.state = 'paused';
    this.retryTimer = setTimeout(() => this.resume(), RETRY_MS);
  }

  /** Takes what is in memory, and joins the feed when that is all there is. */
  private takeRecent(page: FeedPage): void {
    this.take(page);
    if (this.state !== 'reading' || this.position.seq < this.feed.delivered) return;
    this.state = 'live';
    this.feed.add(this);
    this.sayLive();
  }

  private sayLive(): void {
    if (this.saidLive) return;
    this.saidLive = true;
    this.sink.live({ ...this.position });
  }

  private take(page: FeedPage): void {
    this.unread = undefined;
    for (const event of page.events) {
      if (event.seq <= this.position.seq) continue;
      this.hand([event]);
      if (this.state === 'reading') continue;
      if (this.state === 'paused') this.unread = page;
      return;
    }
    this.position.seq = Math.max(this.position.seq, page.upTo);
  }

  /** No further than the viewer's own removal. */
  private hand(events: readonly ChatEvent[]): void {
    const removal = events.findIndex((event) => this.isOwnRemoval(event));
    const heard = removal === -1 ? events : events.slice(0, removal + 1);
    this.position.seq = heard.at(-1)?.seq ?? this.position.seq;
    const hasRoom = this.sink.deliver(heard);
    if (this.state === 'closed') return;
    if (removal !== -1) {
      this.end('removed');
    } else if (!hasRoom) {
      this.state = 'paused';
      this.feed.delete(this);
    }
  }

  /** A removal that the viewer was let in after is history: the user has been made a member again since. */
  private isOwnRemoval(event: ChatEvent): boolean {
    return (
      event.type === 'member.removed' && event.user.id === removalThatEnds(this.viewer) && event.seq > this.letInAt
    );
  }

  private restart({ epoch, seq }: Cursor): void {
    this.position = { epoch, seq };
    this.unread = undefined;
    this.saidLive = false;
    this.sink.reset({ epoch, seq });
  }

  private end(reason: StreamEnd): void {
    if (this.state === 'closed') return;
    this.close();
    this.sink.end(reason);
  }

  /** A consumer's fault is its own: the other streams of the chat go on. */
  private guard(step: () => void): void {
    if (this.state === 'closed') return;
    try {
      step();
    } catch (error) {
      this.keeper.failed(error);
      this.end('failed');
    }
  }
}

/** The user whose removal ends the viewer's streams: nobody's for an admin, who reads every chat, as its member or not. */
function removalThatEnds(viewer: Viewer): string | null {
  return isAdmin(viewer) ? null : (viewer.user?.id ?? null);
}

import { chatNotFound } from '../domain/errors.js';
import type { ChatEvent } from '../domain/log/chat-events.js';
import type { ChatHead, LogHead } from '../domain/log/chat-log.js';
import type { Cursor } from '../domain/log/cursor.js';
import { FairSlots } from '../domain/queues/fair-slots.js';
import { isUuid } from '../domain/text.js';
import { requireUserIn, userOf, type Viewer } from '../domain/viewer.js';
import type { ChatFeed } from './chat-feed.js';
import { ChatStream, type StreamHost } from './chat-stream.js';
import type { Hub } from './hub.js';
import type { StreamEnd, StreamSink } from './stream-sink.js';

/** A chat's head from a passed access check. */
export interface CheckedHead {
  /** The chat's head at the moment of the check. */
  head: LogHead;
  /** When the check began, by `performance.now()`. */
  askedAt: number;
}

export interface StreamRequest {
  chatId: string;
  /** The viewer as of now. Called again whenever the viewer matters. */
  viewer: () => Viewer;
  /** Delivers all events after this cursor. Without it, events from now on. */
  after?: Cursor | undefined;
  /** The result of an access check made just before. It saves a second check where it is still good. */
  checked?: CheckedHead;
}

/** A stream whose access its caller has checked. */
export interface CheckedStreamRequest {
  chatId: string;
  viewer: () => Viewer;
  after: Cursor;
  ends: (event: ChatEvent) => StreamEnd | undefined;
  known?: ChatHead | undefined;
  /** Whether a sink that takes signals hears them. */
  signals: boolean;
}

/** The access check: may this viewer read this chat, and what is its head at that moment? */
export interface ChatHeads {
  /** @throws DomainError `NOT_FOUND` when the viewer may not reach the chat. */
  requireHead(viewer: Viewer, chat: { id: string }): Promise<LogHead>;
  /** As `requireHead`, also of a deleted chat, for who resumes its log. @throws DomainError `NOT_FOUND` */
  requireLog(viewer: Viewer, chat: { id: string }): Promise<LogHead>;
}

/**
 * Pages of history read and held at a time, per user and in total. Streams may wait without limit: a waiting stream holds
 * nothing.
 */
const READ_SLOTS = { perOwner: 2, total: 8, waitingPerOwner: Number.POSITIVE_INFINITY };

/** Opens the streams of this process. */
export class ChatStreams implements StreamHost {
  private readonly streams = new Set<ChatStream>();
  private readonly readSlots = new FairSlots(READ_SLOTS);

  constructor(
    private readonly hub: Hub,
    private readonly chats: ChatHeads,
    private readonly onError: (error: unknown, doing: string) => void,
  ) {}

  /**
   * Opens a stream. The first call of the sink comes in a later turn of the event loop, after the caller has got the stream.
   * @throws DomainError `NOT_FOUND` when the viewer may not reach the chat.
   */
  async open({ chatId, viewer, after, checked }: StreamRequest, sink: StreamSink): Promise<ChatStream> {
    requireUserIn(viewer(), chatId);
    // A malformed id would become the key of a feed, and make the probe's query for all feeds fail.
    if (!isUuid(chatId)) throw chatNotFound();
    const signals = sink.signal !== undefined;
    return this.openOn(chatId.toLowerCase(), signals, async (feed) => {
      const head = this.headOf(feed, checked) ?? (await this.admit(feed, viewer, after !== undefined));
      return new ChatStream(feed, sink, this, { viewer, head, after, signals });
    });
  }

  /**
   * Opens a stream behind a position up to which the caller has checked access; `ends` says where the access ends.
   * @param known a head of the chat that was read after `hub.acquire`, which saves a query
   * @throws DomainError `NOT_FOUND` when there is no such chat, or no such history
   */
  openBehind(request: CheckedStreamRequest, sink: StreamSink): Promise<ChatStream> {
    const { chatId, viewer, after, ends, known } = request;
    const signals = request.signals && sink.signal !== undefined;
    return this.openOn(chatId, signals, async (feed) => {
      await this.tellHead(feed, known);
      if (feed.epoch !== after.epoch) throw chatNotFound();
      return new ChatStream(feed, sink, this, { viewer, head: { chatId, ...after }, after, ends, signals });
    });
  }

  /** Subscribes to the bus before `open` reads the head, so that no event is missed between the two; to the signals meanwhile. */
  private async openOn(
    chatId: string,
    signals: boolean,
    open: (feed: ChatFeed) => Promise<ChatStream>,
  ): Promise<ChatStream> {
    const feed = await this.hub.acquire(chatId);
    const heard = signals ? this.hub.signals.join(feed) : undefined;
    try {
      const stream = await open(feed);
      // Whoever is told that the stream is live hears the signals.
      if (heard) await heard;
      this.streams.add(stream);
      setImmediate(() => stream.start());
      return stream;
    } catch (error) {
      if (heard) this.hub.signals.leave(feed);
      this.hub.release(feed);
      throw error;
    }
  }

  /** Where the feed and what is known are of different histories, one of them is old: the database has the last word. */
  private async tellHead(feed: ChatFeed, known: ChatHead | undefined): Promise<void> {
    const before = feed.position;
    if (known && (feed.epoch ?? known.epoch) === known.epoch) {
      if (feed.epoch === undefined || known.seq > feed.lastSeq) feed.observe(known, before);
      return;
    }
    const head = await this.hub.head(feed.chatId);
    if (!head) throw chatNotFound();
    feed.observe(head, before);
  }

  closed(stream: ChatStream, feed: ChatFeed): void {
    this.streams.delete(stream);
    if (stream.hearsSignals) this.hub.signals.leave(feed);
    this.hub.release(feed);
  }

  async signalsChanged(stream: ChatStream, feed: ChatFeed): Promise<void> {
    if (stream.hearsSignals) await this.hub.signals.join(feed);
    else this.hub.signals.leave(feed);
  }

  async withReadSlot(viewer: Viewer, read: () => Promise<void>): Promise<void> {
    const { granted, release } = this.readSlots.take(userOf(viewer).id);
    if (granted) await granted;
    await read().finally(release);
  }

  failed(error: unknown): void {
    this.onError(error, 'read a page of history');
  }

  /**
   * Admits the viewer to the feed's history. A head of another epoch was read while the history was being replaced.
   * @param resumes whether the viewer has a cursor: then a deleted chat's log is read to its end
   */
  async admit(feed: ChatFeed, viewer: () => Viewer, resumes = true): Promise<LogHead> {
    for (;;) {
      const before = feed.position;
      const chat = { id: feed.chatId };
      const head = await (resumes ? this.chats.requireLog(viewer(), chat) : this.chats.requireHead(viewer(), chat));
      feed.observe(head, before);
      if (head.epoch === feed.epoch) return head;
    }
  }

  /**
   * The head of `checked`, when it can stand for a new check: the bus subscription is older, so no event is missed, and the feed
   * is not ahead of the head, since then a replaced history could not be told from an old head.
   */
  private headOf(feed: ChatFeed, checked: CheckedHead | undefined): LogHead | undefined {
    if (!checked || this.hub.subscribedSince(feed) >= checked.askedAt) return undefined;
    const { head } = checked;
    if (head.epoch !== feed.epoch || head.seq < feed.lastSeq) return undefined;
    feed.observe(head, feed.position);
    return head;
  }

  /** Streams open in this process. */
  get size(): number {
    return this.streams.size;
  }

  /** Chats with streams in this process. */
  get openChats(): number {
    return this.hub.size;
  }
}

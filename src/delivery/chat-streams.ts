import type { ChatHead } from '../domain/chat-log.js';
import type { Cursor } from '../domain/cursor.js';
import { chatNotFound } from '../domain/errors.js';
import { isUuid } from '../domain/text.js';
import { requireUser, type Viewer } from '../domain/viewer.js';
import type { ChatFeed } from './chat-feed.js';
import { ChatStream, type StreamKeeper, type StreamSink } from './chat-stream.js';
import type { Hub } from './hub.js';

/** What somebody was told who asked for the way into a chat. */
export interface Entrance {
  head: ChatHead;
  /** When the question was put, by `performance.now()`. */
  askedAt: number;
}

export interface StreamRequest {
  chatId: string;
  viewer: Viewer;
  /** Everything after it is delivered; without it, what happens from now on. */
  after?: Cursor | undefined;
  /** How the viewer was let in just now, if that was asked: it is not asked again where the answer still does. */
  entrance?: Entrance;
}

/** Who may read which chat, and where its history stands at that moment. */
export interface Entrances {
  /** @throws DomainError `NOT_FOUND` when the viewer may not reach the chat. */
  entrance(viewer: Viewer, chat: { id: string }): Promise<ChatHead>;
}

/** Opens the streams of this process. */
export class ChatStreams implements StreamKeeper {
  private readonly streams = new Set<ChatStream>();

  constructor(
    private readonly hub: Hub,
    private readonly chats: Entrances,
    private readonly onError: (error: unknown, doing: string) => void,
  ) {}

  /**
   * The sink is called from the next turn of the event loop on, after the caller has seen the stream and its head.
   * @throws DomainError `NOT_FOUND` when the viewer may not reach the chat.
   */
  async open({ chatId, viewer, after, entrance }: StreamRequest, sink: StreamSink): Promise<ChatStream> {
    requireUser(viewer);
    // Before anything is asked under this name: what is no id must not reach the probe of all chats.
    if (!isUuid(chatId)) throw chatNotFound();
    // The bus first, the head after: between the two nothing can be missed.
    const feed = await this.hub.acquire(chatId.toLowerCase());
    try {
      const head = this.headOf(feed, entrance) ?? (await this.enter(feed, viewer));
      const stream = new ChatStream(feed, sink, this, { viewer, head, after });
      this.streams.add(stream);
      setImmediate(() => stream.start());
      return stream;
    } catch (error) {
      this.hub.release(feed);
      throw error;
    }
  }

  closed(stream: ChatStream, feed: ChatFeed): void {
    this.streams.delete(stream);
    this.hub.release(feed);
  }

  failed(error: unknown): void {
    this.onError(error, 'read a page of history');
  }

  /** Lets the viewer in, into the feed's history. A head of another one was read around the moment when it was replaced. */
  async enter(feed: ChatFeed, viewer: Viewer): Promise<ChatHead> {
    for (;;) {
      const before = feed.standing;
      const head = await this.chats.entrance(viewer, { id: feed.chatId });
      feed.observe(head, before);
      if (head.epoch === feed.epoch) return head;
    }
  }

  /**
   * The head that is known already, when the bus brought the chat's changes before it was read, so that nothing can fall
   * between, and the feed has not gone on since: a lower number would have to be told from one of another history.
   */
  private headOf(feed: ChatFeed, entrance: Entrance | undefined): ChatHead | undefined {
    if (!entrance || this.hub.hearsSince(feed) >= entrance.askedAt) return undefined;
    const { head } = entrance;
    if (head.epoch !== feed.epoch || head.seq < feed.delivered) return undefined;
    feed.observe(head, feed.standing);
    return head;
  }

  /** Streams open in this process. */
  get size(): number {
    return this.streams.size;
  }

  /** Chats that have streams in this process. */
  get openChats(): number {
    return this.hub.size;
  }
}

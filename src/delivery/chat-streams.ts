import type { Chats } from '../domain/chats.js';
import type { Cursor } from '../domain/cursor.js';
import { chatNotFound } from '../domain/errors.js';
import { isUuid } from '../domain/text.js';
import { requireUser, type Viewer } from '../domain/viewer.js';
import { ChatStream, type StreamSink } from './chat-stream.js';
import type { Hub } from './hub.js';

export interface StreamRequest {
  chatId: string;
  viewer: Viewer;
  /** Everything after it is delivered; without it, what happens from now on. */
  after?: Cursor | undefined;
}

/** Opens the streams of this process. */
export class ChatStreams {
  private readonly streams = new Set<ChatStream>();

  constructor(
    private readonly hub: Hub,
    private readonly chats: Chats,
    private readonly onError: (error: unknown, doing: string) => void,
  ) {}

  /**
   * The sink is called from the next turn of the event loop on, after the caller has seen the stream and its head.
   * @throws DomainError `NOT_FOUND` when the viewer may not reach the chat.
   */
  async open({ chatId, viewer, after }: StreamRequest, sink: StreamSink): Promise<ChatStream> {
    requireUser(viewer);
    // Before anything is asked under this name: what is no id must not reach the probe of all chats.
    if (!isUuid(chatId)) throw chatNotFound();
    // The bus first, the head after: between the two nothing can be missed.
    const feed = await this.hub.acquire(chatId.toLowerCase());
    try {
      const before = feed.standing;
      const head = await this.chats.entrance(viewer, feed.chatId);
      feed.observe(head, before);
      const stream = new ChatStream(feed, sink, {
        viewer,
        head,
        after,
        enter: (current) => this.chats.entrance(current, feed.chatId),
        onClose: () => {
          this.streams.delete(stream);
          this.hub.release(feed);
        },
        onError: (error) => this.onError(error, 'read a page of history'),
      });
      this.streams.add(stream);
      setImmediate(() => stream.start());
      return stream;
    } catch (error) {
      this.hub.release(feed);
      throw error;
    }
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

import { type ChatEvent, positionOf } from './events.js';
import { type GraphqlMessage, type Message, messageFromGraphql, type UserRef } from './messages.js';
import { FOLLOW, MARK_THREAD_READ, REPLIES, THREAD, THREADS } from './part-documents.js';
import { type Rereader, rereaderOf } from './rereader.js';
import type { Room } from './room.js';
import { RoomPart } from './room-part.js';
import type { RoomState, SendOptions } from './room-state.js';
import type { ThreadState } from './schema.js';
import { emptyThread, reduceThread, type ThreadAction, type ThreadView } from './thread-state.js';

export type { ThreadView } from './thread-state.js';

interface Snapshot {
  cursor: string;
  root: Message;
  messages: Message[];
  /** The room’s when it was asked for. */
  viewer: RoomState['viewer'];
}

const REPLIES_PER_PAGE = 50;
/** The most that the service gives at once. */
const REPLIES_AT_MOST = 100;

/** The thread of a message, whether it has replies or not. `rootId` is the id of a message of the main timeline. */
export function openThread(room: Room, rootId: string): Thread {
  return new Thread(room, rootId);
}

/** The replies to one message, kept up to date while somebody listens. */
export class Thread extends RoomPart<ThreadView, Snapshot> {
  private readonly rereader: Rereader;
  private earlier: Promise<void> | undefined;
  /** Of a page that is being read, the events since. */
  private recent: ChatEvent[] | undefined;
  private viewer: RoomState['viewer'] = null;
  private latest: RoomState['latest'];
  private epoch: string | undefined;

  constructor(
    room: Room,
    /** The id of the message that the thread is about. */
    readonly rootId: string,
  ) {
    super(room, emptyThread());
    this.latest = room.get().latest;
    this.rereader = rereaderOf(
      room.id,
      room.context,
      (id) => [this.get().root, ...this.get().messages].find((message) => message?.id === id) ?? undefined,
      (message) => this.dispatch({ type: 'message', message }),
    );
  }

  /** Replies in the thread. As `room.send`. */
  send(content: string, options: Omit<SendOptions, 'thread'> = {}): Promise<Message> {
    return this.room.send(content, { ...options, thread: this.rootId });
  }

  /** Tells the others that one is writing here. Call it every three seconds while one does. */
  setTyping(): Promise<void> {
    return this.room.setTyping(this.rootId);
  }

  /** Follows the thread, or stops. It must have replies. @throws ChatError */
  async follow(follow = true): Promise<void> {
    const { thread } = await this.request<{ thread: { viewer: ThreadState } }>(FOLLOW, { rootId: this.rootId, follow });
    this.setViewer(thread.viewer);
  }

  /** Moves the thread’s read marker forward, to its newest reply or to `seq`. @throws ChatError */
  async markRead(seq?: number): Promise<void> {
    const { root, messages } = this.get();
    const upTo = seq ?? messages.at(-1)?.seq ?? 0;
    if (upTo <= (root?.replies?.viewer?.readSeq ?? 0)) return;
    await this.request(MARK_THREAD_READ, { rootId: this.rootId, seq: upTo });
  }

  /** Loads older replies. Calls that come while it does wait for the same. @throws ChatError */
  loadEarlier(count = REPLIES_PER_PAGE): Promise<void> {
    this.earlier ??= this.readEarlier(Math.min(count, REPLIES_AT_MOST)).finally(() => {
      this.earlier = undefined;
      this.recent = undefined;
    });
    return this.earlier;
  }

  protected async load(): Promise<Snapshot> {
    const { viewer } = this;
    const { chat, root, messages } = await this.request<{
      chat: { cursor: string };
      root: GraphqlMessage;
      messages: GraphqlMessage[];
    }>(THREAD, { rootId: this.rootId, last: REPLIES_PER_PAGE });
    return { cursor: chat.cursor, root: messageFromGraphql(root), messages: messages.map(messageFromGraphql), viewer };
  }

  protected loaded({ cursor, root, messages, viewer }: Snapshot): void {
    const { epoch, seq } = positionOf(cursor);
    // Numbers of another history say nothing.
    const upTo = (this.epoch ?? epoch) === epoch ? seq : Number.POSITIVE_INFINITY;
    this.epoch = epoch;
    this.dispatch({ type: 'loaded', root, messages, hasEarlier: messages.length === REPLIES_PER_PAGE, upTo });
    // What is loaded may be of before a marker moved.
    if (viewer !== this.viewer) this.rereader.add(this.rootId, true);
  }

  protected apply(event: ChatEvent): void {
    this.recent?.push(event);
    this.dispatch({ type: 'event', event });
    this.rereader.check(event);
  }

  protected override roomChanged({ viewer, pending, pendingReplies, latest }: RoomState): void {
    const own = [...pendingReplies, ...pending].filter(({ options }) => options.thread === this.rootId);
    // The room knows what was stored before the events of this thread have come.
    const isStored = latest !== this.latest && latest?.nonce && latest.thread?.rootId === this.rootId;
    this.latest = latest;
    this.dispatch({ type: 'pending', pending: own, stored: isStored ? latest : undefined });
    // A marker has moved, perhaps that of this thread.
    if (viewer !== this.viewer && this.viewer) this.rereader.add(this.rootId, true);
    this.viewer = viewer;
  }

  private async readEarlier(count: number): Promise<void> {
    const [oldest] = this.get().messages;
    if (!this.get().hasEarlier || !oldest) return;
    this.recent = [];
    const page = await this.request<{ messages: GraphqlMessage[] }>(REPLIES, {
      ...{ rootId: this.rootId, before: oldest.seq, last: count },
    });
    // Loaded anew in the meantime: the page may not join on.
    if (this.get().messages[0]?.seq !== oldest.seq) return;
    const messages = page.messages.map(messageFromGraphql);
    this.dispatch({ type: 'earlier', messages, hasEarlier: messages.length === count });
    for (const event of this.recent) this.dispatch({ type: 'event', event });
  }

  private setViewer(viewer: ThreadState): void {
    const { root } = this.get();
    if (root?.replies) this.dispatch({ type: 'message', message: { ...root, replies: { ...root.replies, viewer } } });
  }

  private dispatch(action: ThreadAction): void {
    this.store.set(reduceThread(this.store.get(), action));
  }
}

export interface ThreadsOptions {
  /** Only threads that one follows. */
  following?: boolean;
  /** Only threads with unread replies. */
  unread?: boolean;
  first?: number;
  /** The `cursor` of the last one of the page before. */
  after?: string;
}

export interface ThreadItem {
  readonly cursor: string;
  /** The message that the thread is about; `replies` has how many there are, the last one and what is unread. */
  readonly root: Message;
  /** Who replied last, the newest first. */
  readonly participants: readonly UserRef[];
}

/** The threads of a chat as they are now, the one with the newest reply first. @throws ChatError */
export async function listThreads(room: Room, options: ThreadsOptions = {}): Promise<ThreadItem[]> {
  const { threads } = await room.context.request<{ threads: (ThreadItem & { root: GraphqlMessage })[] }>(THREADS, {
    ...{ first: REPLIES_PER_PAGE, ...options, chatId: room.id },
  });
  return threads.map((thread) => ({ ...thread, root: messageFromGraphql(thread.root) }));
}

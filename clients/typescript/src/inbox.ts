import { CHATS_AT_ONCE } from './api.js';
import { pause } from './backoff.js';
import type { ClientContext } from './context.js';
import { PRESENCE } from './documents.js';
import { asChatError, closedError } from './errors.js';
import { type ChatEvent, eventFromWire } from './events.js';
import {
  emptyInbox,
  type InboxAction,
  type InboxItem,
  type InboxState,
  needsRefresh,
  type Presence,
  reduceInbox,
} from './inbox-state.js';
import type { JsonObject } from './json.js';
import { persist } from './retry.js';
import type { ChatState } from './schema.js';
import { type Observable, Store } from './store.js';

const ITEMS_PER_PAGE = 50;
/** Between two requests for chats that have changed, in milliseconds. */
const REFRESH_MS = 1000;
/** A count that was read so long ago has no message whose event is still to come. Milliseconds. */
const COUNT_MS = 1000;
/** Presence is asked for as often where no frames can be sent. Milliseconds. */
const PRESENCE_MS = 30_000;
/** The service tells of so many users. */
const MAX_WATCHED = 100;

/** All chats of the user, kept up to date from the first time that somebody subscribes to it or reads it. */
export class Inbox implements Observable<InboxState> {
  private readonly store: Store<InboxState> = new Store(emptyInbox(), () => {
    if (this.store.hasListeners) this.start();
  });
  private isStarted = false;
  private isClosed = false;
  private stop: (() => void) | undefined;
  /** Counts the times that it was loaded. */
  private generation = 0;
  /** Of the next page. */
  private next: string | undefined;
  private wasLoadedEarly = false;
  /** Events that came while a page was read, which may be from before them. */
  private early: ChatEvent[] | undefined;
  /** Chats that are to be asked for. */
  private readonly stale = new Set<string>();
  /** The chats of the request under way. */
  private reading: ReadonlySet<string> = new Set();
  private isRefreshing = false;
  /** When each chat was read last, by `Date.now()`. */
  private readonly readAt = new Map<string, number>();
  private readonly countTimers = new Map<string, ReturnType<typeof setTimeout>>();
  /** Chats that are known to be hidden. */
  private readonly hidden = new Set<string>();
  private readonly watchers = new Set<readonly string[]>();
  /** The users whose presence is shown. */
  private watched: readonly string[] = [];
  private presenceTimer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly context: ClientContext) {}

  readonly get = (): InboxState => this.store.get();

  readonly subscribe = (listener: () => void): (() => void) => this.store.subscribe(listener);

  [Symbol.asyncIterator](): AsyncIterator<InboxState, void, void> {
    return this.store[Symbol.asyncIterator]();
  }

  get items(): readonly InboxItem[] {
    return this.get().items;
  }

  get unread(): InboxState['unread'] {
    return this.get().unread;
  }

  get presence(): InboxState['presence'] {
    return this.get().presence;
  }

  /** Resolves when the inbox is loaded. @throws ChatError that is not transient */
  async ready(): Promise<InboxState> {
    for await (const state of this) {
      if (state.status === 'ready') return state;
      if (state.status === 'failed') throw state.error;
    }
    throw closedError();
  }

  /** Loads more chats. @throws ChatError */
  async loadMore(): Promise<void> {
    const { generation, next } = this;
    if (next === undefined || this.early) return;
    this.early = [];
    try {
      const page = await this.context.api.inbox(ITEMS_PER_PAGE, next);
      if (generation !== this.generation) return;
      this.next = page.next;
      for (const { chat } of page.items) this.readAt.set(chat.id, Date.now());
      this.dispatch({ type: 'more', items: page.items, hasMore: page.next !== undefined });
      this.replay();
    } finally {
      if (generation === this.generation) this.early = undefined;
    }
  }

  /**
   * Shows whether these users are there, until the function that it returns is called. Several may be watched by several callers; beyond
   * 100 users those whom somebody asked for first are left out. Users with whom one shares no chat are left out too.
   */
  watchPresence(userIds: readonly string[]): () => void {
    const own = [...userIds];
    this.watchers.add(own);
    this.start();
    this.watchersChanged();
    return () => {
      if (this.watchers.delete(own) && !this.isClosed) this.watchersChanged();
    };
  }

  /** Loads the inbox if that has failed before. */
  resume(): void {
    if (this.get().status === 'failed') void this.load();
  }

  close(): void {
    this.isClosed = true;
    this.generation += 1;
    this.stop?.();
    clearInterval(this.presenceTimer);
    for (const timer of this.countTimers.values()) clearTimeout(timer);
    this.store.end();
  }

  private start(): void {
    if (this.isStarted || this.isClosed) return;
    this.isStarted = true;
    const { connection } = this.context;
    const stopListening = connection.listen({
      frame: (frame) => this.take(frame),
      began: (isReset) => {
        if (isReset || this.wasLoadedEarly) void this.load();
      },
    });
    const stopStatus = connection.status.subscribe(() => {
      // A new socket was not asked yet.
      if (connection.status.get().state === 'live' && this.watched.length > 0) this.askPresence();
    });
    this.stop = () => {
      stopListening();
      stopStatus();
    };
    connection.startOnce();
    void this.load();
  }

  private async load(): Promise<void> {
    this.generation += 1;
    const { generation } = this;
    const { api, connection, patience } = this.context;
    this.dispatch({ type: 'loading' });
    try {
      await connection.begun();
      this.wasLoadedEarly = !connection.hasBegun;
      this.early = [];
      const page = await persist(() => api.inbox(ITEMS_PER_PAGE, undefined), patience);
      if (generation !== this.generation) return;
      this.next = page.next;
      this.hidden.clear();
      this.readAt.clear();
      for (const { chat } of page.items) this.readAt.set(chat.id, Date.now());
      this.dispatch({ type: 'loaded', me: page.me, items: page.items, hasMore: page.next !== undefined });
      this.replay();
      void this.refreshAll();
    } catch (cause) {
      const error = asChatError(cause);
      if (generation === this.generation && error.code !== 'CLOSED') this.dispatch({ type: 'failed', error });
    } finally {
      if (generation === this.generation) this.early = undefined;
    }
  }

  /** Applies what came while a page was read: an event that the page has already changes nothing. */
  private replay(): void {
    for (const event of this.early ?? []) this.apply(event);
  }

  private take(frame: JsonObject): void {
    const { type, chatId } = frame;
    if (type === 'presence' && Array.isArray(frame.users))
      this.dispatch({ type: 'presence', presence: frame.users as Presence[] });
    if (typeof chatId !== 'string') return;
    if (type === 'chat.state') this.takeState(chatId, frame.state as ChatState);
    else if (type === 'gap') this.refresh(chatId);
    else {
      const event = eventFromWire(frame, this.context.connection.userId ?? '');
      if (!event) return;
      this.early?.push(event);
      if (this.get().status === 'ready') this.apply(event);
    }
  }

  private takeState(chatId: string, state: ChatState): void {
    if (state.hidden) this.hidden.add(chatId);
    const isBack = !state.hidden && this.hidden.delete(chatId);
    this.dispatch({ type: 'state', chatId, state });
    // Messages whose events are still to come may be counted already.
    const isCounting = state.unread.messages > 0 || state.unread.mentions > 0 || state.unread.threads > 0;
    // And what is being read may be from before it.
    if (isBack || isCounting || this.early || this.reading.has(chatId)) this.refresh(chatId);
  }

  private apply(event: ChatEvent): void {
    if (this.hidden.has(event.chatId)) return;
    const before = this.get();
    this.dispatch({ type: 'event', event });
    // What is being read may be from before this event.
    if (needsRefresh(before, event) || this.reading.has(event.chatId)) this.refresh(event.chatId);
    else if (event.type === 'message.created') this.countAgain(event.chatId);
  }

  /** A count that was read a moment ago may have this message already: when the chat is quiet, it is read again. */
  private countAgain(chatId: string): void {
    const timer = this.countTimers.get(chatId);
    if (!timer && Date.now() - (this.readAt.get(chatId) ?? 0) > COUNT_MS) return;
    clearTimeout(timer);
    const count = () => {
      this.countTimers.delete(chatId);
      this.refresh(chatId);
    };
    this.countTimers.set(chatId, setTimeout(count, COUNT_MS));
  }

  /** Asks for the chat as it is now, together with others. */
  private refresh(chatId: string): void {
    this.stale.add(chatId);
    void this.refreshAll();
  }

  private async refreshAll(): Promise<void> {
    const { api, patience } = this.context;
    if (this.isRefreshing) return;
    this.isRefreshing = true;
    try {
      while (this.stale.size > 0 && !this.isClosed) {
        const { generation } = this;
        const { me } = this.get();
        // When the inbox is loaded, it goes on.
        if (!me) return;
        const chatIds = [...this.stale].slice(0, CHATS_AT_ONCE);
        for (const chatId of chatIds) this.stale.delete(chatId);
        this.reading = new Set(chatIds);
        const items = await persist(() => api.inboxItems(chatIds, me.id), patience);
        this.reading = new Set();
        if (generation === this.generation)
          items.forEach((item, index) => {
            this.refreshed(chatIds[index] ?? '', item);
          });
        await pause(REFRESH_MS, patience.signal);
      }
    } catch (cause) {
      const error = asChatError(cause);
      if (error.code !== 'CLOSED') this.dispatch({ type: 'failed', error });
    } finally {
      this.isRefreshing = false;
    }
  }

  private refreshed(chatId: string, item: InboxItem | null): void {
    if (item?.state.hidden) this.hidden.add(chatId);
    else this.hidden.delete(chatId);
    this.readAt.set(chatId, Date.now());
    this.dispatch({ type: 'refreshed', chatId, item });
  }

  private watchersChanged(): void {
    this.watched = [...new Set([...this.watchers].reverse().flat())].slice(0, MAX_WATCHED);
    this.dispatch({ type: 'watched', userIds: this.watched });
    this.askPresence();
  }

  /** Over a socket, the service tells it from then on. */
  private askPresence(): void {
    const { connection } = this.context;
    clearInterval(this.presenceTimer);
    if (connection.canSend) connection.send({ type: 'presence', users: this.watched });
    else if (this.watched.length > 0) {
      this.presenceTimer = setInterval(() => void this.pollPresence(), PRESENCE_MS);
      void this.pollPresence();
    }
  }

  private async pollPresence(): Promise<void> {
    const { connection, http } = this.context;
    // Until there is a connection, nobody is told anything.
    if (connection.status.get().state !== 'live') return;
    const { watched } = this;
    const answer = await http.request<{ presence: Presence[] }>(PRESENCE, { userIds: watched }).catch(() => undefined);
    if (answer && watched === this.watched) this.dispatch({ type: 'presence', presence: answer.presence });
  }

  private dispatch(action: InboxAction): void {
    this.store.set(reduceInbox(this.store.get(), action));
  }
}

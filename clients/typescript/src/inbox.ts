import { CHATS_AT_ONCE } from './api.js';
import { pause } from './backoff.js';
import type { ClientContext } from './context.js';
import { asChatError } from './errors.js';
import { type ChatEvent, eventFromWire } from './events.js';
import {
  emptyInbox,
  type InboxAction,
  type InboxItem,
  type InboxState,
  needsRefresh,
  reduceInbox,
} from './inbox-state.js';
import type { JsonObject } from './json.js';
import type { PresenceWatch } from './presence.js';
import { persist } from './retry.js';
import type { ChatState } from './schema.js';
import { type Observable, type Store, storeOf, whenReady } from './store.js';

/** All chats of the user, kept up to date from the first time that somebody subscribes to it or reads it. */
export interface Inbox extends Observable<InboxState> {
  readonly items: readonly InboxItem[];
  readonly unread: InboxState['unread'];
  readonly presence: InboxState['presence'];
  /** Resolves when the inbox is loaded. @throws ChatError that is not transient */
  ready(): Promise<InboxState>;
  /** Loads more chats. @throws ChatError */
  loadMore(): Promise<void>;
  /**
   * Shows whether these users are there, until the function that it returns is called. Several may be watched by several callers; beyond
   * 100 users those whom somebody asked for first are left out. Users with whom one shares no chat are left out too.
   */
  watchPresence(userIds: readonly string[]): () => void;
  /** Loads the inbox if that has failed before. */
  resume(): void;
  close(): void;
}

const ITEMS_PER_PAGE = 50;
/** Between two requests for chats that have changed, in milliseconds. */
const REFRESH_MS = 1000;
/** A count that was read so long ago has no message whose event is still to come. Milliseconds. */
const COUNT_MS = 1000;

export function inboxOf(context: ClientContext): Inbox {
  const { connection, api, patience } = context;
  const store: Store<InboxState> = storeOf(emptyInbox(), () => {
    if (store.hasListeners) start();
  });
  const { get } = store;
  const dispatch = (action: InboxAction) => store.set(reduceInbox(get(), action));
  const set = (changes: Partial<InboxState>) => dispatch({ type: 'changed', changes });

  let stop: (() => void) | undefined;
  let isClosed = false;
  /** Counts how often the inbox was loaded. */
  let loads = 0;
  /** Of the next page. */
  let next: string | null = null;
  /** Events that came while a page was read, which may be from before them. */
  let early: ChatEvent[] | undefined;
  /** Chats that are to be asked for. */
  const stale = new Set<string>();
  /** The chats of the request under way. */
  let reading: readonly string[] = [];
  let isRefreshing = false;
  /** When each chat was read last, by `Date.now()`. */
  const readAt = new Map<string, number>();
  const countTimers = new Map<string, ReturnType<typeof setTimeout>>();
  /** Chats that are known to be hidden. */
  const hidden = new Set<string>();
  let presence: Promise<PresenceWatch> | undefined;

  function start(): void {
    if (stop || isClosed) return;
    stop = connection.listen({ frame: take, began: () => void load() });
    connection.startOnce();
    void load();
  }

  async function load(): Promise<void> {
    loads += 1;
    set({ status: 'loading', error: null });
    try {
      const load = loads;
      await connection.begun;
      if (load !== loads) return;
      await readPage(undefined, (attempt) => persist(attempt, patience));
    } catch (cause) {
      const error = asChatError(cause);
      if (error.code !== 'CLOSED') set({ status: 'failed', error });
    }
  }

  /** Reads a page, and applies what came meanwhile: an event that the page has already changes nothing. */
  async function readPage(
    after: string | undefined,
    patiently: <Value>(attempt: () => Promise<Value>) => Promise<Value>,
  ): Promise<void> {
    const load = loads;
    early = [];
    try {
      const { me, items, next: then } = await patiently(() => api.inbox(ITEMS_PER_PAGE, after));
      if (load !== loads) return;
      next = then;
      const isMore = after !== undefined;
      if (!isMore) {
        hidden.clear();
        readAt.clear();
      }
      dispatch({ type: 'loaded', me, items, hasMore: then !== null, isMore });
      for (const { chat } of items) readAt.set(chat.id, Date.now());
      for (const event of early) apply(event);
      void refreshAll();
    } catch (error) {
      if (load === loads) throw error;
    } finally {
      if (load === loads) early = undefined;
    }
  }

  function take(frame: JsonObject): void {
    const { type, chatId } = frame;
    if (typeof chatId !== 'string') return;
    if (type === 'chat.state') takeState(chatId, frame.state as ChatState);
    else if (type === 'gap') refresh(chatId);
    else {
      const event = eventFromWire(frame, connection.userId ?? '');
      if (!event) return;
      early?.push(event);
      if (get().status === 'ready') apply(event);
    }
  }

  function takeState(chatId: string, state: ChatState): void {
    if (state.hidden) hidden.add(chatId);
    const isBack = !state.hidden && hidden.delete(chatId);
    dispatch({ type: 'state', chatId, state });
    // Messages whose events are still to come may be counted already.
    const { messages, mentions, threads } = state.unread;
    // And what is being read may be from before it.
    if (isBack || messages || mentions || threads || early || reading.includes(chatId)) refresh(chatId);
  }

  function apply(event: ChatEvent): void {
    const { chatId } = event;
    if (hidden.has(chatId)) return;
    const before = get();
    dispatch({ type: 'event', event });
    // What is being read may be from before this event.
    if (needsRefresh(before, event) || reading.includes(chatId)) refresh(chatId);
    else if (event.type === 'message.created') countAgain(chatId);
  }

  /** A count that was read a moment ago may have this message already: when the chat is quiet, it is read again. */
  function countAgain(chatId: string): void {
    const timer = countTimers.get(chatId);
    if (!timer && Date.now() - (readAt.get(chatId) ?? 0) > COUNT_MS) return;
    clearTimeout(timer);
    const count = () => {
      countTimers.delete(chatId);
      refresh(chatId);
    };
    countTimers.set(chatId, setTimeout(count, COUNT_MS));
  }

  /** Asks for the chat as it is now, together with others. */
  function refresh(chatId: string): void {
    stale.add(chatId);
    void refreshAll();
  }

  async function refreshAll(): Promise<void> {
    if (isRefreshing) return;
    isRefreshing = true;
    try {
      while (stale.size > 0 && !isClosed) {
        const load = loads;
        const { me } = get();
        // When the inbox is loaded, it goes on.
        if (!me) return;
        const chatIds = [...stale].slice(0, CHATS_AT_ONCE);
        for (const chatId of chatIds) stale.delete(chatId);
        reading = chatIds;
        const items = await persist(() => api.inboxItems(chatIds, me.id), patience);
        reading = [];
        if (load === loads) for (const [index, item] of items.entries()) refreshed(chatIds[index] ?? '', item);
        await pause(REFRESH_MS, patience.life.onEnd);
      }
    } catch (cause) {
      const error = asChatError(cause);
      if (error.code !== 'CLOSED') set({ status: 'failed', error });
    } finally {
      isRefreshing = false;
    }
  }

  function refreshed(chatId: string, item: InboxItem | null): void {
    if (item?.state.hidden) hidden.add(chatId);
    else hidden.delete(chatId);
    readAt.set(chatId, Date.now());
    dispatch({ type: 'refreshed', chatId, item });
  }

  return {
    get,
    subscribe: store.subscribe,
    [Symbol.asyncIterator]: () => store[Symbol.asyncIterator](),
    get items() {
      return get().items;
    },
    get unread() {
      return get().unread;
    },
    get presence() {
      return get().presence;
    },
    ready: () => whenReady(store),
    async loadMore() {
      if (next !== null && !early) await readPage(next, (attempt) => attempt());
    },
    watchPresence(userIds) {
      start();
      presence ??= persist(() => import('./presence.js'), patience).then((module) =>
        module.watchPresence(context, (presence) => set({ presence })),
      );
      const stop = presence.then((watch) => (isClosed ? () => {} : watch.watch(userIds)));
      stop.catch(() => {});
      return () => void stop.then((end) => end());
    },
    resume: () => get().status === 'failed' && void load(),
    close() {
      isClosed = true;
      loads += 1;
      stop?.();
      void presence?.then((watch) => watch.close());
      for (const timer of countTimers.values()) clearTimeout(timer);
      store.end();
    },
  };
}

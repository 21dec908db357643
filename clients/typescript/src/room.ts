import type { Api } from './api.js';
import type { RoomContext } from './context.js';
import { asChatError } from './errors.js';
import { type ChatEvent, eventFromWire, type Member, positionOf, type RoomEvent } from './events.js';
import type { Follower } from './follower.js';
import type { JsonObject } from './json.js';
import {
  type GraphqlMessage,
  type Message,
  messageFromGraphql,
  messageFromWire,
  type UserRef,
  type WireMessage,
} from './messages.js';
import { outboxOf } from './outbox.js';
import { rereaderOf } from './rereader.js';
import { persist } from './retry.js';
import {
  emptyRoom,
  type PendingMessage,
  type RoomAction,
  type RoomSnapshot,
  type RoomState,
  type RoomViewer,
  reduceRoom,
  type SendOptions,
} from './room-state.js';
import type { ChatState, Notify } from './schema.js';
import { type Observable, type Store, storeOf, whenReady } from './store.js';

export interface EventsOptions {
  /** Begins behind this cursor, of whatever transport. Without it: with what happens after the room was loaded. */
  after?: string;
  /** Ends the events, also while the next one is waited for. */
  signal?: AbortSignal;
}

/** One chat, kept up to date from the first time that somebody subscribes to it, reads it or sends to it. */
export interface Room extends Observable<RoomState> {
  /** The chat's id. */
  readonly id: string;
  readonly messages: readonly Message[];
  readonly members: readonly Member[];
  readonly typing: RoomState['typing'];
  readonly viewerCan: RoomState['viewerCan'];
  /** Whether somebody shows the room, so that signals are worth asking for. */
  readonly isWatched: boolean;
  /** @internal For the parts of this package. */
  readonly context: RoomContext;

  /**
   * Resolves when the room is loaded.
   * @throws ChatError `NOT_FOUND` when there is no such chat or one is no member of it, and others that are not transient
   */
  ready(): Promise<RoomState>;

  /**
   * Sends a message. It is among `pending` at once, and is sent again with the same nonce until there is an answer; with a storage also
   * after a reload. Resolves when the service has stored it.
   * @throws ChatError why it was refused: it stays among `pending`, as failed. `CLOSED` when the client was closed or it was discarded
   */
  send(content: string, options?: SendOptions): Promise<Message>;
  /** Sends a message that failed once more. */
  retry(nonce: string): void;
  /** Takes a message from `pending`. One that is under way may be stored all the same. */
  discard(nonce: string): void;

  /** Gives one's own message other words. With the `revision` that was seen, an edit in the meantime is a `CONFLICT`. @throws ChatError */
  edit(messageId: string, content: string, revision?: number): Promise<Message>;
  /** @throws ChatError */
  delete(messageId: string): Promise<Message>;
  /** Adds a reaction, one emoji or `:name:`. @throws ChatError */
  react(messageId: string, emoji: string): Promise<Message>;
  /** Takes a reaction back. @throws ChatError */
  unreact(messageId: string, emoji: string): Promise<Message>;
  /** @throws ChatError */
  pin(messageId: string): Promise<Message>;
  /** @throws ChatError */
  unpin(messageId: string): Promise<Message>;

  /** Moves the read marker forward, to the newest event that is shown or to `seq`. @throws ChatError */
  markRead(seq?: number): Promise<void>;
  /** Moves the read marker back: everything from this number on is unread. @throws ChatError */
  markUnread(fromSeq: number): Promise<void>;
  /** Of which messages one wants to be notified (null: the default of the chat), and whether the inbox leaves the chat out. @throws ChatError */
  setPreferences(preferences: { notify?: Notify | null; hidden?: boolean }): Promise<void>;
  /** Tells the others that one is writing. Call it every three seconds while one does. @param thread the id of the root */
  setTyping(thread?: string): Promise<void>;

  /** Loads older messages, at most 100 at a time. Calls that come while it does wait for the same. @throws ChatError */
  loadEarlier(count?: number): Promise<void>;
  /** Loads older messages until the one with this number is there: one that is quoted or pinned, say. @throws ChatError */
  loadBackTo(seq: number): Promise<void>;
  /** One message of the chat, loaded or not: one that is quoted, say. Null when there is none with this id. @throws ChatError */
  findMessage(messageId: string): Promise<Message | null>;
  /** Loads more members. @throws ChatError */
  loadMembers(): Promise<void>;
  /**
   * Members whose username begins like this, in any case, to be mentioned: at most `count`, in the order of their names. Loads members as
   * far as it has to, up to 5,000. @throws ChatError
   */
  findMembers(beginning: string, count?: number): Promise<Member[]>;

  /**
   * Every change of the chat, each once, in order, without a gap: across cuts, renewals of the token and restarts of the service, and with
   * the `cursor` of the last one as `after` also of this program. Ends behind one's own removal. When the service's history was
   * replaced, `reset` says so, and what follows is of the new one.
   * @throws ChatError that is not transient, like `NOT_FOUND`
   */
  events(options?: EventsOptions): AsyncGenerator<RoomEvent, void, void>;

  /** Loads the room if that has failed before: somebody has signed in, say. */
  resume(): void;
  /** Stops following the chat. The next who asks for it begins anew. */
  close(): void;
}

const MESSAGES_AT_FIRST = 50;
/** The most that the service gives at once. */
const MESSAGES_AT_MOST = 100;
const MEMBERS_PER_PAGE = 200;
/** The clocks may differ by so much. Milliseconds. */
const MUTE_MARGIN_MS = 1000;
/** The longest that a timer can wait. Milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** A signal of somebody who is typing holds for so long (docs/interfaces.md). Milliseconds. */
const TYPING_MS = 6000;
/** And is forgotten at most so much later. Milliseconds. */
const LOOK_MS = 1000;
/** When the stream is ahead of what the service reads from, the room is loaded anew after so many milliseconds. */
const AHEAD_MS = 500;

const later = () => import('./room-later.js');

export function roomOf(id: string, context: RoomContext): Room {
  const { connection, api, patience, notify } = context;
  const store: Store<RoomState> = storeOf(emptyRoom(id), () => {
    if (store.hasListeners) start();
    context.watchersChanged();
  });
  const { get } = store;
  const dispatch = (action: RoomAction) => store.set(reduceRoom(get(), action));
  const set = (changes: Partial<RoomState>) => dispatch({ type: 'changed', changes });
  const storageFailed = (error: unknown) => notify({ type: 'storage', error });
  const outbox = outboxOf({
    chatId: id,
    send: sendOnce,
    changed: (message) => dispatch({ type: 'pending', message }),
    settled: (nonce, message) => dispatch({ type: 'settled', nonce, message }),
    storage: context.storage,
    storageFailed,
    patience,
  });
  const find = (messageId: string) => get().messages.find((message) => message.id === messageId);
  const rereader = rereaderOf(id, context, find, (message) => dispatch({ type: 'message', message }));

  /** Those who read `events()`. */
  const followers = new Set<Follower>();
  let stop: (() => void) | undefined;
  let isClosed = false;
  /** Counts how often the room was loaded. */
  let loads = 0;
  /** Events since the room is being loaded. */
  let early: ChatEvent[] | undefined;
  /** Of each page that is being read, the events since: the page may be from before them. */
  const recent = new Set<ChatEvent[]>();
  /** Came while the room was loaded: what is loaded may be older. */
  let newerViewer: RoomViewer | undefined;
  /** Of those who were loaded in pages. */
  let lastMember: string | undefined;
  let earlier: Promise<void> | undefined;
  let rightsAsked = 0;
  let typingTimer: ReturnType<typeof setTimeout> | undefined;
  let muteTimer: ReturnType<typeof setTimeout> | undefined;
  let aheadTimer: ReturnType<typeof setTimeout> | undefined;

  /** Begins to load the room and to follow the chat, if it has not begun. */
  function start(): void {
    if (stop || isClosed) return;
    stop = connection.listen({
      frame: (frame) => frame.chatId === id && take(frame),
      began() {
        for (const follower of followers) follower.interrupted();
        void load();
      },
    });
    connection.startOnce();
    void load();
  }

  /** Loads what there is; what comes meanwhile is applied behind it. */
  async function load(): Promise<void> {
    loads += 1;
    const load = loads;
    const events: ChatEvent[] = [];
    early = events;
    newerViewer = undefined;
    set({ status: 'loading', error: null });
    try {
      await connection.begun;
      const snapshot = await persist(
        () => api.room(id, { last: MESSAGES_AT_FIRST, first: MEMBERS_PER_PAGE }),
        patience,
      );
      if (load !== loads) return;
      lastMember = snapshot.members.at(-1)?.user.id;
      dispatch({ type: 'loaded', snapshot });
      if (newerViewer) {
        set({ viewer: newerViewer });
        rereadThreads(true);
      }
      watchMute();
      outbox.restore(snapshot.me.id).catch(storageFailed);
    } catch (cause) {
      if (load !== loads) return;
      failed(cause);
    }
    early = undefined;
    for (const event of events) if (load === loads) follow(event);
  }

  function take(frame: JsonObject): void {
    const { type } = frame;
    if (type === 'gap') {
      for (const follower of followers) follower.interrupted();
      if (get().status !== 'ready') return;
      notify({ type, chatId: id, after: String(frame.after), cursor: String(frame.cursor) });
      void load();
    } else if (type === 'chat.state') takeState(frame.state as ChatState, frame.ofThreads);
    else if (type === 'typing') typed(frame.user as UserRef, frame.thread);
    else {
      const event = eventFromWire(frame, connection.userId ?? '');
      if (!event) return;
      for (const follower of followers) follower.push(event);
      if (early) early.push(event);
      else follow(event);
    }
  }

  /** Applies an event if it is the next one. */
  function follow(event: ChatEvent): void {
    const { status, cursor } = get();
    // One is a member again.
    if (status !== 'ready') return void (event.type === 'member.added' && isMe(event.member.user) && load());
    const at = positionOf(cursor ?? '');
    const { epoch, seq } = positionOf(event.cursor);
    if (epoch !== at.epoch || seq <= at.seq) return;
    // The stream was faster than what the service reads from.
    if (seq === at.seq + 1) apply(event);
    else
      aheadTimer ??= setTimeout(() => {
        aheadTimer = undefined;
        if (get().status === 'ready') void load();
      }, AHEAD_MS);
  }

  function apply(event: ChatEvent): void {
    for (const events of recent) events.push(event);
    dispatch({ type: 'event', event });
    if (event.type === 'message.created') outbox.delivered(event.message);
    if (event.type === 'chat.updated' || (event.type === 'member.updated' && isMe(event.member.user)))
      void loadRights();
    rereader.check(event);
  }

  const isMe = (user: UserRef) => user.id === connection.userId;

  function takeState({ unread: _unread, ...viewer }: ChatState, ofThreads: unknown): void {
    const before = get().viewer;
    newerViewer = viewer;
    set({ viewer });
    if (before?.role !== viewer.role || before.mutedUntil !== viewer.mutedUntil) void loadRights();
    rereadThreads(ofThreads);
  }

  /** Replies that are in the main timeline too are read with it; of `all`, others may be followed, or read, than before. */
  function rereadThreads(all: unknown): void {
    for (const { id, replies } of get().messages)
      if (replies && (all || replies.viewer?.unread)) rereader.add(id, true);
  }

  function typed(user: UserRef, thread: unknown): void {
    const typing = { user, thread: typeof thread === 'string' ? thread : null, until: Date.now() + TYPING_MS };
    dispatch({ type: 'typing', typing });
    typingTimer ??= setTimeout(forgetTyping, TYPING_MS);
  }

  function forgetTyping(): void {
    dispatch({ type: 'time', now: Date.now() });
    typingTimer = get().typing.length > 0 ? setTimeout(forgetTyping, LOOK_MS) : undefined;
  }

  async function loadRights(): Promise<void> {
    const load = loads;
    rightsAsked += 1;
    const asked = rightsAsked;
    try {
      const { viewerCan, viewer } = await persist(() => api.room(id, {}), patience);
      if (load !== loads || asked !== rightsAsked) return;
      set({ viewerCan, viewer });
      watchMute();
    } catch (cause) {
      if (load === loads) failed(cause);
    }
  }

  function failed(cause: unknown): void {
    const error = asChatError(cause);
    if (error.code !== 'CLOSED') set({ status: error.code === 'NOT_FOUND' ? 'left' : 'failed', error, typing: [] });
  }

  /** When one is not muted any more, one may do more. */
  function watchMute(): void {
    clearTimeout(muteTimer);
    const ms = Date.parse(get().viewer?.mutedUntil ?? '') - Date.now();
    if (ms > 0) muteTimer = setTimeout(loadRights, Math.min(ms + MUTE_MARGIN_MS, MAX_TIMER_MS));
  }

  /** Reads a page of the room and shows it, as the events since have left it. @throws ChatError */
  async function read(page: Parameters<Api['room']>[1], show: (page: RoomSnapshot) => RoomAction): Promise<void> {
    const load = loads;
    const events: ChatEvent[] = [];
    recent.add(events);
    try {
      const snapshot = await api.room(id, page);
      // Loaded anew in the meantime: what was read may not join on.
      if (load !== loads) return;
      dispatch(show(snapshot));
      for (const event of events) dispatch({ type: 'again', event });
    } finally {
      recent.delete(events);
    }
  }

  async function readEarlier(count: number): Promise<void> {
    const {
      hasEarlier,
      messages: [oldest],
    } = get();
    if (!hasEarlier || !oldest) return;
    await read({ last: count, before: oldest.seq }, ({ messages, hasEarlier }) => ({
      type: 'earlier',
      messages,
      hasEarlier,
    }));
  }

  async function sendOnce({ content, nonce, options }: PendingMessage): Promise<Message> {
    const variables = { ...options, content, nonce };
    if (!connection.canSend) return change('sendMessage', variables);
    const { message } = await connection.ask({ ...variables, chatId: id, type: 'message.send' });
    return messageFromWire(message as WireMessage, connection.userId ?? '');
  }

  async function run<Data>(name: string, args: object, result: 'message' | 'viewer' | 'done'): Promise<Data> {
    return (await later()).mutate<Data>(context, id, name, args, result);
  }

  async function change(name: string, args: object): Promise<Message> {
    return messageFromGraphql((await run<{ message: GraphqlMessage }>(name, args, 'message')).message);
  }

  async function changeViewer(name: string, args: object): Promise<void> {
    const { viewer } = await run<{ viewer: RoomViewer }>(name, args, 'viewer');
    set({ viewer });
  }

  const room: Room = {
    ...{ id, context, get },
    subscribe: store.subscribe,
    [Symbol.asyncIterator]: () => store[Symbol.asyncIterator](),
    get messages() {
      return get().messages;
    },
    get members() {
      return get().members;
    },
    get typing() {
      return get().typing;
    },
    get viewerCan() {
      return get().viewerCan;
    },
    get isWatched() {
      return store.hasListeners;
    },

    ready: () => whenReady(store),

    send(content, options = {}) {
      start();
      return outbox.send(content, options);
    },
    retry: outbox.retry,
    discard: outbox.discard,
    edit: (messageId, content, revision) => change('editMessage', { messageId, content, revision }),
    delete: (messageId) => change('deleteMessage', { messageId }),
    react: (messageId, emoji) => change('addReaction', { messageId, emoji }),
    unreact: (messageId, emoji) => change('removeReaction', { messageId, emoji }),
    pin: (messageId) => change('pinMessage', { messageId }),
    unpin: (messageId) => change('unpinMessage', { messageId }),

    async markRead(seq) {
      const { cursor, viewer } = get();
      const upTo = seq ?? (cursor === null ? 0 : positionOf(cursor).seq);
      if (upTo > (viewer?.readSeq ?? 0)) await changeViewer('markRead', { seq: upTo });
    },
    markUnread: (fromSeq) => changeViewer('markUnread', { fromSeq }),
    setPreferences: (preferences) => changeViewer('setChatPreferences', preferences),
    async setTyping(thread) {
      if (connection.canSend) connection.send({ type: 'typing', chatId: id, thread });
      else await run('setTyping', { thread }, 'done');
    },

    loadEarlier(count = MESSAGES_AT_FIRST) {
      earlier ??= readEarlier(Math.min(count, MESSAGES_AT_MOST)).finally(() => {
        earlier = undefined;
      });
      return earlier;
    },
    loadBackTo: async (seq) => (await later()).loadBackTo(room, seq, () => isClosed),
    findMessage: async (messageId) => find(messageId) ?? (await later()).readMessage(room, messageId),
    async loadMembers() {
      if (!get().hasMoreMembers) return;
      await read({ first: MEMBERS_PER_PAGE, after: lastMember }, ({ members, hasMoreMembers }) => {
        lastMember = members.at(-1)?.user.id ?? lastMember;
        return { type: 'members', members, hasMore: hasMoreMembers };
      });
    },
    findMembers: async (beginning, count = 10) => (await later()).findMembers(room, beginning, count),
    async *events(options = {}) {
      start();
      const { cursor } = get();
      const { eventsOf } = await later();
      if (!isClosed) yield* eventsOf(room, followers, cursor, options);
    },

    resume: () => get().status === 'failed' && void load(),
    close() {
      isClosed = true;
      loads += 1;
      stop?.();
      for (const timer of [typingTimer, muteTimer, aheadTimer]) clearTimeout(timer);
      for (const follower of followers) follower.close();
      store.end();
      context.closed(room);
    },
  };
  return room;
}

import { pause } from './backoff.js';
import type { RoomContext } from './context.js';
import {
  DELETE,
  EDIT,
  MARK_READ,
  MARK_UNREAD,
  PIN,
  PREFER,
  REACT,
  SEND,
  SET_TYPING,
  UNPIN,
  UNREACT,
} from './documents.js';
import { asChatError, ChatError, closedError } from './errors.js';
import { type ChatEvent, eventFromWire, type Member, positionOf, type RoomEvent } from './events.js';
import { Follower } from './follower.js';
import { isObject, type JsonObject } from './json.js';
import { type GraphqlMessage, type Message, messageFromGraphql, messageFromWire, type UserRef } from './messages.js';
import { Outbox } from './outbox.js';
import { Rereader } from './rereader.js';
import { persist } from './retry.js';
import {
  emptyRoom,
  type PendingMessage,
  type RoomAction,
  type RoomState,
  type RoomViewer,
  reduceRoom,
  type SendOptions,
} from './room-state.js';
import type { ChatState, Notify } from './schema.js';
import { type Observable, Store } from './store.js';

export interface EventsOptions {
  /** Begins behind this cursor, of whatever transport. Without it: with what happens after the room was loaded. */
  after?: string;
  /** Ends the events, also while the next one is waited for. */
  signal?: AbortSignal;
}

const MESSAGES_AT_FIRST = 50;
/** The most that the service gives at once. */
const MESSAGES_AT_MOST = 100;
const MEMBERS_PER_PAGE = 200;
/** Members among whom `findMembers` looks; those of larger chats beyond are found once they are loaded. */
const MEMBERS_SEARCHED = 5000;
/** The clocks may differ by so much. Milliseconds. */
const MUTE_MARGIN_MS = 1000;
/** The longest that a timer can wait. Milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** A signal of somebody who is typing holds for so long (docs/interfaces.md). Milliseconds. */
const TYPING_MS = 6000;
/** A chat that its user may have come back to is loaded after so many milliseconds. */
const RETURN_MS = 500;

/** One chat, kept up to date from the first time that somebody subscribes to it, reads it or sends to it. */
export class Room implements Observable<RoomState> {
  private readonly store: Store<RoomState>;
  private readonly outbox: Outbox;
  /** All who follow the chat's events: the room itself, and each `events()`. */
  private readonly followers = new Set<Follower>();
  private own: Follower | undefined;
  private isStarted = false;
  private stop: (() => void) | undefined;
  private typingTimer: ReturnType<typeof setTimeout> | undefined;
  /** Of each page that is being read, the events since: the page may be from before them. */
  private readonly recent = new Set<ChatEvent[]>();
  private earlier: Promise<void> | undefined;
  private muteTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly rereader: Rereader;
  /** Whether the room was loaded before the stream began, and may lack what happened in between. */
  private wasLoadedEarly = false;
  private isClosed = false;
  /** Of those who were loaded in pages. */
  private lastMember: string | undefined;
  /** Came while the room was loaded: what is loaded may be older. */
  private newerViewer: RoomViewer | undefined;
  /** The numbers of the user's last joining and removal that the stream has brought. */
  private joinedSeq = 0;
  private removedSeq = 0;
  private rightsAsked = 0;

  constructor(
    /** The chat's id. */
    readonly id: string,
    /** @internal For the parts of this package. */
    readonly context: RoomContext,
  ) {
    this.store = new Store(emptyRoom(id), () => {
      if (this.store.hasListeners) this.start();
      context.watchersChanged();
    });
    this.rereader = new Rereader({
      ...{ chatId: id, context },
      find: (messageId) => this.messages.find((message) => message.id === messageId),
      replace: (message) => this.dispatch({ type: 'message', message }),
    });
    this.outbox = new Outbox({
      chatId: id,
      send: (message) => this.sendOnce(message),
      changed: (message) => this.dispatch({ type: 'pending', message }),
      settled: (nonce) => this.dispatch({ type: 'settled', nonce }),
      storage: context.storage,
      storageFailed: (error) => context.notify({ type: 'storage', error }),
      patience: context.patience,
    });
  }

  readonly get = (): RoomState => this.store.get();

  readonly subscribe = (listener: () => void): (() => void) => this.store.subscribe(listener);

  [Symbol.asyncIterator](): AsyncIterator<RoomState, void, void> {
    return this.store[Symbol.asyncIterator]();
  }

  get messages(): readonly Message[] {
    return this.get().messages;
  }

  get members(): readonly Member[] {
    return this.get().members;
  }

  get typing(): RoomState['typing'] {
    return this.get().typing;
  }

  get viewerCan(): RoomState['viewerCan'] {
    return this.get().viewerCan;
  }

  /** Whether somebody shows the room, so that signals are worth asking for. */
  get isWatched(): boolean {
    return this.store.hasListeners;
  }

  /**
   * Resolves when the room is loaded.
   * @throws ChatError `NOT_FOUND` when there is no such chat or one is no member of it, and others that are not transient
   */
  async ready(): Promise<RoomState> {
    for await (const state of this) {
      if (state.status === 'ready') return state;
      if (state.status === 'left') throw state.error ?? new ChatError('NOT_FOUND', 'You have left the chat.');
      if (state.status === 'failed') throw state.error;
    }
    throw closedError();
  }

  /**
   * Sends a message. It is among `pending` at once, and is sent again with the same nonce until there is an answer; with a storage also
   * after a reload. Resolves when the service has stored it.
   * @throws ChatError why it was refused: it stays among `pending`, as failed. `CLOSED` when the client was closed or it was discarded
   */
  send(content: string, options: SendOptions = {}): Promise<Message> {
    this.start();
    const sent = this.outbox.send(content, options);
    // `pending` says it too: nobody has to wait for the promise.
    sent.catch(() => {});
    return sent;
  }

  /** Sends a message that failed once more. */
  retry(nonce: string): void {
    this.outbox.retry(nonce);
  }

  /** Takes a message from `pending`. One that is under way may be stored all the same. */
  discard(nonce: string): void {
    this.outbox.discard(nonce);
  }

  /** Gives one's own message other words. With the `revision` that was seen, an edit in the meantime is a `CONFLICT`. @throws ChatError */
  edit(messageId: string, content: string, revision?: number): Promise<Message> {
    return this.change(EDIT, { messageId, content, revision });
  }

  /** @throws ChatError */
  delete(messageId: string): Promise<Message> {
    return this.change(DELETE, { messageId });
  }

  /** Adds a reaction, one emoji or `:name:`. @throws ChatError */
  react(messageId: string, emoji: string): Promise<Message> {
    return this.change(REACT, { messageId, emoji });
  }

  /** Takes a reaction back. @throws ChatError */
  unreact(messageId: string, emoji: string): Promise<Message> {
    return this.change(UNREACT, { messageId, emoji });
  }

  /** @throws ChatError */
  pin(messageId: string): Promise<Message> {
    return this.change(PIN, { messageId });
  }

  /** @throws ChatError */
  unpin(messageId: string): Promise<Message> {
    return this.change(UNPIN, { messageId });
  }

  /** Moves the read marker forward, to the newest event that is shown or to `seq`. @throws ChatError */
  async markRead(seq?: number): Promise<void> {
    const { cursor, viewer } = this.get();
    const upTo = seq ?? (cursor === null ? 0 : positionOf(cursor).seq);
    if (upTo <= (viewer?.readSeq ?? 0)) return;
    await this.changeViewer(MARK_READ, { seq: upTo });
  }

  /** Moves the read marker back: everything from this number on is unread. @throws ChatError */
  markUnread(fromSeq: number): Promise<void> {
    return this.changeViewer(MARK_UNREAD, { fromSeq });
  }

  /** Of which messages one wants to be notified (null: the default of the chat), and whether the inbox leaves the chat out. @throws ChatError */
  setPreferences(preferences: { notify?: Notify | null; hidden?: boolean }): Promise<void> {
    return this.changeViewer(PREFER, preferences);
  }

  /** Tells the others that one is writing. Call it every three seconds while one does. @param thread the id of the root */
  async setTyping(thread?: string): Promise<void> {
    const { connection, http } = this.context;
    if (connection.canSend) connection.send({ type: 'typing', chatId: this.id, thread });
    else await http.request(SET_TYPING, { chatId: this.id, thread });
  }

  /** Loads older messages, at most 100 at a time. Calls that come while it does wait for the same. @throws ChatError */
  loadEarlier(count = MESSAGES_AT_FIRST): Promise<void> {
    this.earlier ??= this.readEarlier(Math.min(count, MESSAGES_AT_MOST)).finally(() => {
      this.earlier = undefined;
    });
    return this.earlier;
  }

  /** Loads older messages until the one with this number is there: one that is quoted or pinned, say. @throws ChatError */
  async loadBackTo(seq: number): Promise<void> {
    const isMissing = () => this.get().hasEarlier && (this.messages[0]?.seq ?? 0) > seq;
    while (isMissing() && !this.isClosed) await this.loadEarlier(MESSAGES_AT_MOST);
  }

  /** One message of the chat, loaded or not: one that is quoted, say. Null when there is none with this id. @throws ChatError */
  async findMessage(messageId: string): Promise<Message | null> {
    const shown = this.messages.find(({ id }) => id === messageId);
    return shown ?? (await this.context.api.messages(this.id, [messageId]))[0] ?? null;
  }

  /** Loads more members. @throws ChatError */
  async loadMembers(): Promise<void> {
    if (!this.get().hasMoreMembers) return;
    await this.read(
      () => this.context.api.membersAfter(this.id, this.lastMember, MEMBERS_PER_PAGE),
      (members) => {
        this.lastMember = members.at(-1)?.user.id ?? this.lastMember;
        return { type: 'members', members, hasMore: members.length === MEMBERS_PER_PAGE };
      },
    );
  }

  /**
   * Members whose username begins like this, in any case, to be mentioned: at most `count`, in the order of their names. Loads members as
   * far as it has to, up to 5,000. @throws ChatError
   */
  async findMembers(beginning: string, count = 10): Promise<Member[]> {
    const start = beginning.toLowerCase();
    const find = () => this.members.filter(({ user }) => user.username.toLowerCase().startsWith(start));
    while (find().length < count && this.get().hasMoreMembers && this.members.length < MEMBERS_SEARCHED)
      await this.loadMembers();
    return find()
      .sort((one, other) => one.user.username.localeCompare(other.user.username))
      .slice(0, count);
  }

  /**
   * Every change of the chat, each once, in order, without a gap: across cuts, renewals of the token and restarts of the service, and with
   * the `cursor` of the last one as `after` also of this program. Ends behind one's own removal. When the service's history was
   * replaced, `reset` says so, and what follows is of the new one.
   * @throws ChatError that is not transient, like `NOT_FOUND`
   */
  async *events({ after, signal }: EventsOptions = {}): AsyncGenerator<RoomEvent, void, void> {
    const follower = this.follow();
    const close = () => follower.close();
    signal?.addEventListener('abort', close);
    if (signal?.aborted) close();
    try {
      this.start();
      const cursor = after ?? this.get().cursor ?? (await this.ready()).cursor;
      // The stream may have brought some before, to the room.
      follower.interrupted();
      if (cursor !== null) follower.begin(cursor);
      for (let event = await follower.next(); event; event = await follower.next()) yield event;
    } finally {
      signal?.removeEventListener('abort', close);
      this.followers.delete(follower);
    }
  }

  /** Loads the room if that has failed before: somebody has signed in, say. */
  resume(): void {
    if (this.get().status === 'failed') void this.load();
  }

  /** Stops following the chat. The next who asks for it begins anew. */
  close(): void {
    this.isClosed = true;
    this.own = undefined;
    this.stop?.();
    clearTimeout(this.typingTimer);
    clearTimeout(this.muteTimer);
    for (const follower of this.followers) follower.close();
    this.followers.clear();
    this.store.end();
    this.context.closed(this);
  }

  /** Begins to load the room and to follow the chat, if it has not begun. */
  private start(): void {
    if (this.isStarted || this.isClosed) return;
    this.isStarted = true;
    const { connection } = this.context;
    this.stop = connection.listen({
      frame: (frame) => this.take(frame),
      began: (isReset) => this.began(isReset),
    });
    connection.startOnce();
    void this.load();
  }

  private follow(): Follower {
    const follower = new Follower(this.id, this.context.events, () => this.context.connection.userId);
    this.followers.add(follower);
    return follower;
  }

  /** Loads what there is, and follows the chat from there. */
  private async load(): Promise<void> {
    const { api, connection, patience } = this.context;
    if (this.own) {
      this.followers.delete(this.own);
      this.own.close();
    }
    const own = this.follow();
    this.own = own;
    this.newerViewer = undefined;
    this.dispatch({ type: 'loading' });
    try {
      await connection.begun();
      this.wasLoadedEarly = !connection.hasBegun;
      const size = { messages: MESSAGES_AT_FIRST, members: MEMBERS_PER_PAGE };
      const snapshot = await persist(() => api.room(this.id, size), patience);
      if (own !== this.own) return;
      this.lastMember = snapshot.members.at(-1)?.user.id;
      own.begin(snapshot.cursor);
      this.dispatch({ type: 'loaded', snapshot });
      if (this.newerViewer) this.dispatch({ type: 'viewer', viewer: this.newerViewer });
      this.watchMute();
      void this.outbox.restore(snapshot.me.id);
      for (let event = await own.next(); event && own === this.own; event = await own.next()) {
        if (event.type === 'reset') return void this.load();
        this.apply(event);
      }
      if (own === this.own) void this.returnLater();
    } catch (cause) {
      const error = asChatError(cause);
      if (own !== this.own || error.code === 'CLOSED') return;
      this.followers.delete(own);
      this.dispatch({ type: 'ended', status: error.code === 'NOT_FOUND' ? 'left' : 'failed', error });
      void this.returnLater();
    }
  }

  /** The user may have been added again before the removal was handled. */
  private async returnLater(): Promise<void> {
    const { own } = this;
    const { cursor } = this.get();
    if (this.joinedSeq <= Math.max(this.removedSeq, cursor === null ? 0 : positionOf(cursor).seq)) return;
    await pause(RETURN_MS, this.context.patience.signal);
    if (own === this.own && this.get().status === 'left') void this.load();
  }

  private began(isReset: boolean): void {
    for (const follower of this.followers) if (follower !== this.own) follower.interrupted();
    if (isReset || this.wasLoadedEarly) void this.load();
  }

  private take(frame: JsonObject): void {
    if (frame.chatId !== this.id) return;
    const { connection, notify } = this.context;
    if (frame.type === 'gap') {
      for (const follower of this.followers) follower.interrupted();
      if (this.get().status === 'ready') {
        notify({ type: 'gap', chatId: this.id, after: String(frame.after), cursor: String(frame.cursor) });
        void this.load();
      }
    } else if (frame.type === 'chat.state') {
      this.takeState(frame.state as ChatState);
    } else if (frame.type === 'typing' && isObject(frame.user)) this.typed(frame);
    else {
      const event = eventFromWire(frame, connection.userId ?? '');
      if (event) this.push(event);
    }
  }

  private takeState({ unread: _unread, ...viewer }: ChatState): void {
    const before = this.newerViewer ?? this.get().viewer;
    this.newerViewer = viewer;
    this.dispatch({ type: 'viewer', viewer });
    if (before?.role !== viewer.role || before.mutedUntil !== viewer.mutedUntil) void this.loadRights();
    // Perhaps it was a thread that was read.
    for (const { id, replies } of this.messages) if (replies?.viewer?.unread) this.rereader.add(id, true);
  }

  /** When one is not muted any more, one may do more. */
  private watchMute(): void {
    clearTimeout(this.muteTimer);
    const mutedUntil = this.get().viewer?.mutedUntil;
    const ms = mutedUntil ? Date.parse(mutedUntil) - Date.now() : 0;
    if (ms > 0) this.muteTimer = setTimeout(() => void this.loadRights(), Math.min(ms + MUTE_MARGIN_MS, MAX_TIMER_MS));
  }

  private push(event: ChatEvent): void {
    for (const follower of this.followers) follower.push(event);
    const { userId } = this.context.connection;
    if (event.type === 'member.removed' && event.user.id === userId) this.removedSeq = event.seq;
    if (event.type !== 'member.added' || event.member.user.id !== userId) return;
    this.joinedSeq = event.seq;
    const { status } = this.get();
    if (status === 'left' || status === 'failed') void this.load();
  }

  private apply(event: ChatEvent): void {
    for (const events of this.recent) events.push(event);
    this.dispatch({ type: 'event', event });
    if (event.type === 'message.created') this.outbox.delivered(event.message);
    const { me } = this.get();
    if (event.type === 'member.updated' && event.member.user.id === me?.id) void this.loadRights();
    this.rereader.check(event);
  }

  /** Reads something of the room and shows it, as the events since have left it. @throws ChatError */
  private async read<Value>(attempt: () => Promise<Value>, show: (value: Value) => RoomAction): Promise<void> {
    const { own } = this;
    const events: ChatEvent[] = [];
    this.recent.add(events);
    try {
      const value = await attempt();
      // Loaded anew in the meantime: what was read may not join on.
      if (own !== this.own) return;
      this.dispatch(show(value));
      for (const event of events) this.dispatch({ type: 'again', event });
    } finally {
      this.recent.delete(events);
    }
  }

  private async readEarlier(count: number): Promise<void> {
    const [oldest] = this.messages;
    if (!this.get().hasEarlier || !oldest) return;
    await this.read(
      () => this.context.api.messagesBefore(this.id, oldest.seq, count),
      (messages) => ({ type: 'earlier', messages, hasEarlier: messages.length === count }),
    );
  }

  private typed({ user, thread }: JsonObject): void {
    const until = Date.now() + TYPING_MS;
    this.dispatch({
      type: 'typing',
      typing: { user: user as UserRef, thread: typeof thread === 'string' ? thread : null, until },
    });
    this.typingTimer ??= setTimeout(() => this.forgetTyping(), TYPING_MS);
  }

  private forgetTyping(): void {
    const now = Date.now();
    this.dispatch({ type: 'time', now });
    const next = Math.min(...this.get().typing.map(({ until }) => until));
    this.typingTimer = Number.isFinite(next) ? setTimeout(() => this.forgetTyping(), next - now) : undefined;
  }

  private async loadRights(): Promise<void> {
    const { own } = this;
    this.rightsAsked += 1;
    const asked = this.rightsAsked;
    try {
      const { viewerCan, viewer } = await this.context.snapshot(this.id);
      if (own === this.own && asked === this.rightsAsked) this.dispatch({ type: 'rights', viewerCan, viewer });
      this.watchMute();
    } catch (cause) {
      const error = asChatError(cause);
      // Removed in the meantime, which the next event says.
      if (own !== this.own || error.code === 'NOT_FOUND' || error.code === 'CLOSED') return;
      this.dispatch({ type: 'ended', status: 'failed', error });
    }
  }

  private async change(document: string, variables: object): Promise<Message> {
    const { message } = await this.context.http.request<{ message: GraphqlMessage }>(document, {
      ...variables,
      chatId: this.id,
    });
    return messageFromGraphql(message);
  }

  private async changeViewer(document: string, variables: object): Promise<void> {
    const { viewer } = await this.context.http.request<{ viewer: RoomViewer }>(document, {
      ...variables,
      chatId: this.id,
    });
    this.dispatch({ type: 'viewer', viewer });
  }

  private async sendOnce({ content, nonce, options }: PendingMessage): Promise<Message> {
    const { connection, http } = this.context;
    const variables = { ...options, chatId: this.id, content, nonce };
    if (!connection.canSend)
      return messageFromGraphql((await http.request<{ message: GraphqlMessage }>(SEND, variables)).message);
    const { message } = await connection.requests.ask({ ...variables, type: 'message.send' });
    return messageFromWire(isObject(message) ? message : {}, connection.userId ?? '');
  }

  private dispatch(action: RoomAction): void {
    this.store.set(reduceRoom(this.store.get(), action));
  }
}

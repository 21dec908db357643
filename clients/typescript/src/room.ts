import { pause } from './backoff.js';
import type { RoomContext } from './context.js';
import { DELETE, EDIT, MARK_READ, PIN, REACT, SEND, SET_TYPING, UNPIN, UNREACT } from './documents.js';
import { asChatError, ChatError, closedError } from './errors.js';
import { type ChatEvent, eventFromWire, type Member, positionOf, type RoomEvent } from './events.js';
import { Follower } from './follower.js';
import { isObject, type JsonObject } from './json.js';
import {
  type GraphqlMessage,
  type Message,
  messageFromGraphql,
  messageFromWire,
  type Reaction,
  type UserRef,
} from './messages.js';
import { Outbox } from './outbox.js';
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
import type { ChatState } from './schema.js';
import { type Observable, Store } from './store.js';

export interface EventsOptions {
  /** Begins behind this cursor, of whatever transport. Without it: with what happens after the room was loaded. */
  after?: string;
  /** Ends the events, also while the next one is waited for. */
  signal?: AbortSignal;
}

const MESSAGES_AT_FIRST = 50;
const MEMBERS_PER_PAGE = 200;
/** A signal of somebody who is typing holds for so long (docs/interfaces.md). Milliseconds. */
const TYPING_MS = 6000;
/** Reactions that an event did not tell whole are asked for after so many milliseconds. */
const REACTIONS_MS = 500;
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
  /** Events since an older page was asked for: the page may be from before them. */
  private recent: ChatEvent[] | undefined;
  private readonly unknownReactions = new Set<string>();
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
    private readonly context: RoomContext,
  ) {
    this.store = new Store(emptyRoom(id), () => {
      if (this.store.hasListeners) this.start();
      context.watchersChanged();
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
    const { markRead } = await this.context.http.request<{ markRead: RoomViewer }>(MARK_READ, {
      chatId: this.id,
      seq: upTo,
    });
    this.dispatch({ type: 'viewer', viewer: markRead });
  }

  /** Tells the others that one is writing. Call it every three seconds while one does. @param thread the id of the root */
  async setTyping(thread?: string): Promise<void> {
    const { connection, http } = this.context;
    if (connection.canSend) connection.send({ type: 'typing', chatId: this.id, thread });
    else await http.request(SET_TYPING, { chatId: this.id, thread });
  }

  /** Loads older messages. @throws ChatError */
  async loadEarlier(count = MESSAGES_AT_FIRST): Promise<void> {
    const { own } = this;
    const [oldest] = this.get().messages;
    if (!this.get().hasEarlier || !oldest || this.recent) return;
    this.recent = [];
    try {
      const messages = await this.context.api.messagesBefore(this.id, oldest.seq, count);
      // Loaded anew in the meantime: the page may not join on.
      if (own !== this.own) return;
      this.dispatch({ type: 'earlier', messages, hasEarlier: messages.length === count });
      for (const event of this.recent) this.dispatch({ type: 'again', event });
    } finally {
      this.recent = undefined;
    }
  }

  /** Loads more members. @throws ChatError */
  async loadMembers(): Promise<void> {
    const { own } = this;
    if (!this.get().hasMoreMembers) return;
    const members = await this.context.api.membersAfter(this.id, this.lastMember, MEMBERS_PER_PAGE);
    if (own !== this.own) return;
    this.lastMember = members.at(-1)?.user.id ?? this.lastMember;
    this.dispatch({ type: 'members', members, hasMore: members.length === MEMBERS_PER_PAGE });
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
      const { unread, ...viewer } = frame.state as ChatState;
      this.newerViewer = viewer;
      this.dispatch({ type: 'viewer', viewer });
    } else if (frame.type === 'typing' && isObject(frame.user)) this.typed(frame);
    else {
      const event = eventFromWire(frame, connection.userId ?? '');
      if (event) this.push(event);
    }
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
    this.recent?.push(event);
    this.dispatch({ type: 'event', event });
    if (event.type === 'message.created') this.outbox.delivered(event.message);
    const { me } = this.get();
    if (event.type === 'member.updated' && event.member.user.id === me?.id) void this.loadRights();
    this.askForReactions(event);
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
    } catch (cause) {
      const error = asChatError(cause);
      // Removed in the meantime, which the next event says.
      if (own !== this.own || error.code === 'NOT_FOUND' || error.code === 'CLOSED') return;
      this.dispatch({ type: 'ended', status: 'failed', error });
    }
  }

  /** Of a message with more than 20 reactions of one kind, an event does not say whether one is among them. */
  private askForReactions(event: ChatEvent): void {
    const [id, reactions] = reactionsOf(event);
    if (reactions.some(({ mine }) => mine === null)) this.askForReactionsTo(id);
  }

  private askForReactionsTo(id: string): void {
    if (this.unknownReactions.size === 0) setTimeout(() => void this.loadReactions(), REACTIONS_MS);
    this.unknownReactions.add(id);
  }

  private async loadReactions(): Promise<void> {
    const { api, patience } = this.context;
    const ids = [...this.unknownReactions];
    this.unknownReactions.clear();
    const find = (id: string) => this.get().messages.find((message) => message.id === id);
    for (const id of ids) {
      const before = find(id);
      if (!before || this.isClosed) continue;
      const [message] = await persist(() => api.messagesBefore(this.id, before.seq + 1, 1), patience).catch(() => []);
      if (message?.id !== id) continue;
      // What was read may be from before an event that has come since.
      if (find(id) === before) this.dispatch({ type: 'reactions', messageId: id, reactions: message.reactions });
      else this.askForReactionsTo(id);
    }
  }

  private async change(document: string, variables: object): Promise<Message> {
    const { message } = await this.context.http.request<{ message: GraphqlMessage }>(document, {
      ...variables,
      chatId: this.id,
    });
    return messageFromGraphql(message);
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

function reactionsOf(event: ChatEvent): [id: string, reactions: readonly Reaction[]] {
  if (event.type === 'message.reactions') return [event.messageId, event.reactions];
  return 'message' in event ? [event.message.id, event.message.reactions] : ['', []];
}

import type { Invitations } from '../../domain/chats/invitations.js';
import { DomainError } from '../../domain/errors.js';
import type { MarkedHead, Marks } from '../../domain/log/marks.js';
import type { ChatStates } from '../../domain/mine/chat-states.js';
import type { Inbox, InboxSnapshot, MemberChange } from '../../domain/mine/inbox.js';
import type { InboxPosition } from '../../domain/mine/inbox-position.js';
import { type Reach, userOf, type Viewer } from '../../domain/viewer.js';
import type { ChatStreams, CheckedStreamRequest } from '../chat-streams.js';
import type { ChatWatcher, HeadReader, Hub } from '../hub.js';
import type { StreamSink } from '../stream-sink.js';
import { EarlyWatch } from './early-watch.js';
import { type InboxBeginning, MAX_AHEAD } from './inbox-beginning.js';
import type { InboxSink } from './inbox-sink.js';
import { type InboxHost, InboxStream } from './inbox-stream.js';
import type { UserHint, UserHints } from './user-hints.js';

export interface InboxRequest {
  viewer: () => Viewer;
  /** Delivers what has happened since this position. Without it, what happens from now on. */
  after?: InboxPosition | undefined;
  /** Of a chat in which the client missed more, a gap is said in place of the events. */
  maxMissed: number;
  /** Whether an inbox whose position is of another history begins anew, and tells the sink so, instead of failing. */
  restarts: boolean;
}

interface InboxServices {
  inbox: Inbox;
  chatStates: ChatStates;
  invitations: Pick<Invitations, 'changedSince' | 'usersChangedSince'>;
  marks: Marks;
  chatStreams: ChatStreams;
}

export interface InboxStreamsOptions {
  statesIntervalMs?: number | undefined;
  restIntervalMs?: number | undefined;
  /** Not more often than the hub's probe when it is longer. */
  levelIntervalMs?: number | undefined;
}

/** The inboxes of one user. */
interface OpenUser {
  streams: Set<InboxStream>;
  /** Inboxes that are open or about to be. */
  count: number;
  /** Joins and removals since the first of those that are about to open took its snapshot. */
  early: MemberChange[];
  opening: number;
  unsubscribe: Promise<() => void>;
}

/** Per user and process. */
export const INBOXES_PER_USER = 10;
/** How often the database is asked for changes of users' own states whose hints were lost, in milliseconds. */
const STATES_INTERVAL_MS = 30_000;
/** How often chats that have become quiet go to rest, in milliseconds. */
const REST_INTERVAL_MS = 15_000;
/** How often a new level is taken while a position has exceptions, in milliseconds; and how much of that time it may take. */
const LEVEL_INTERVAL_MS = 250;
const LEVEL_SHARE = 0.1;
/** Hints of joins within this time lead to one look at the database, in milliseconds. */
const LOOK_DELAY_MS = 50;

/**
 * Opens the inboxes of this process. With the hub's probe it reads, in one snapshot, the heads of the open chats and up to where all
 * changes are committed, and then which users have joined or left chats. So a join whose hint was lost is found before any inbox's position
 * is behind it.
 */
export class InboxStreams implements HeadReader, InboxHost {
  private readonly users = new Map<string, OpenUser>();
  private heads = new Map<string, MarkedHead>();
  /** The heads that have changed since the inboxes were told of changes. */
  private readonly changed = new Map<string, MarkedHead>();
  /** What the last probe read, until the feeds were compared with it. */
  private below: number | undefined;
  /** Joins and removals with lower marks have been told to the inboxes. */
  private membersBelow: number | undefined;
  /** Heads that are being read. */
  private readonly markedHeads = new Map<string, Promise<MarkedHead | undefined>>();
  private lookTimer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();
  private readonly levelIntervalMs: number;
  /** How long the last look at the heads took, in milliseconds. */
  private readMs = 0;
  private readonly timers: readonly NodeJS.Timeout[];

  constructor(
    private readonly hub: Hub,
    private readonly services: InboxServices,
    private readonly hints: UserHints,
    private readonly onError: (error: unknown, doing: string) => void,
    options: InboxStreamsOptions = {},
  ) {
    const { statesIntervalMs = STATES_INTERVAL_MS, restIntervalMs = REST_INTERVAL_MS } = options;
    this.levelIntervalMs = options.levelIntervalMs ?? LEVEL_INTERVAL_MS;
    this.timers = [
      setInterval(() => void this.checkStates(), statesIntervalMs).unref(),
      setInterval(() => this.rest(), restIntervalMs).unref(),
      setInterval(() => this.takeLevel(), this.levelIntervalMs).unref(),
    ];
  }

  /** Inboxes open in this process. */
  get size(): number {
    let size = 0;
    for (const { streams } of this.users.values()) size += streams.size;
    return size;
  }

  /**
   * Opens an inbox. The first call of the sink comes in a later turn of the event loop.
   * @throws DomainError `CURSOR_RESET`; `RATE_LIMITED`, rule `inbox.streams`, for a user with many inboxes
   */
  async open({ viewer, after, maxMissed, restarts }: InboxRequest, sink: InboxSink): Promise<InboxStream> {
    const { chats } = viewer();
    const { id: userId } = userOf(viewer());
    const user = this.enter(userId);
    user.opening += 1;
    try {
      await user.unsubscribe;
      const begin = await this.begin(userId, after, restarts, chats);
      this.membersBelow ??= begin.snapshot.below;
      const stream = new InboxStream(sink, this, { userId, viewer, maxMissed, chats, ...begin });
      user.streams.add(stream);
      this.hub.headReader = this;
      setImmediate(() => {
        stream.start();
        for (const change of user.early) stream.memberChanged(change);
        this.opened(user);
      });
      return stream;
    } catch (error) {
      this.opened(user);
      this.leave(userId, user);
      throw error;
    }
  }

  openChat(request: CheckedStreamRequest, sink: StreamSink) {
    return this.services.chatStreams.openBehind(request, sink);
  }

  states(userId: string, chatIds: readonly string[]) {
    return this.services.chatStates.of(userId, chatIds);
  }

  invitations(userId: string, mark: number) {
    return this.services.invitations.changedSince(userId, mark);
  }

  watch(chatIds: readonly string[], watcher: ChatWatcher): void {
    this.hub.watch(chatIds, watcher).catch((error: unknown) => this.onError(error, 'watch the chats of an inbox'));
  }

  unwatch(chatIds: Iterable<string>, watcher: ChatWatcher): void {
    this.hub.unwatch(chatIds, watcher);
  }

  private async begin(userId: string, after: InboxPosition | undefined, restarts: boolean, chats: Reach) {
    if (!after) return { ...(await this.beginAnew(userId, chats)), isReset: false };
    try {
      return { ...(await this.resume(userId, after, chats)), isReset: false };
    } catch (error) {
      if (!restarts || !(error instanceof DomainError && error.code === 'CURSOR_RESET')) throw error;
      return { ...(await this.beginAnew(userId, chats)), isReset: true };
    }
  }

  beginAnew(userId: string, chats: Reach): Promise<InboxBeginning> {
    return this.watching(userId, chats, () => this.now(userId, chats));
  }

  resume(userId: string, position: InboxPosition, chats: Reach): Promise<InboxBeginning> {
    return this.watching(userId, chats, async () => ({
      position,
      snapshot: await this.since(userId, position, chats),
      isInvitationDue: true,
    }));
  }

  /** What happened since a position, in the chats in reach. */
  private async since(userId: string, position: InboxPosition, chats: Reach): Promise<InboxSnapshot> {
    const snapshot = await this.services.inbox.since(userId, position);
    return chats ? { ...snapshot, chats: snapshot.chats.filter(({ chatId }) => chats.has(chatId)) } : snapshot;
  }

  /** Subscribed to the chats before the snapshot is taken, the inbox misses nothing that is committed after it. */
  private async watching(
    userId: string,
    chats: Reach,
    begin: () => Promise<Omit<InboxBeginning, 'watch'>>,
  ): Promise<InboxBeginning> {
    const chatIds = await this.services.inbox.chatIds(userId);
    const watch = await EarlyWatch.begin(
      this.hub,
      chatIds.filter((chatId) => chats?.has(chatId) ?? true),
    );
    try {
      return { ...(await begin()), watch };
    } catch (error) {
      watch.end();
      throw error;
    }
  }

  /**
   * A client that begins now has everything of the snapshot. While a transaction holds the horizon back, changes of before now have marks
   * that are not below it: their chats are exceptions, as far as a position has room for them.
   */
  private async now(userId: string, reach: Reach) {
    const now = await this.services.inbox.now(userId);
    const snapshot = await this.since(userId, now, reach);
    const ahead = snapshot.chats.filter(({ mark }) => mark >= snapshot.below).slice(0, MAX_AHEAD);
    const exceptions = new Map(ahead.map(({ chatId, seq }) => [chatId, seq]));
    const chats = snapshot.chats.map((chat) =>
      exceptions.has(chat.chatId) ? { ...chat, from: chat.seq, changes: [] } : chat,
    );
    return { position: { ...now, exceptions }, snapshot: { ...snapshot, chats }, isInvitationDue: false };
  }

  comparedHead(chatId: string): MarkedHead | undefined {
    return this.heads.get(chatId);
  }

  async markedHead(chatId: string): Promise<MarkedHead | undefined> {
    let reading = this.markedHeads.get(chatId);
    if (!reading) {
      reading = this.services.marks.horizon([chatId]).then(({ heads: [head] }) => head);
      this.markedHeads.set(chatId, reading);
      const forget = () => this.markedHeads.delete(chatId);
      reading.then(forget, forget);
    }
    return reading;
  }

  closed(inbox: InboxStream): void {
    const user = this.users.get(inbox.userId);
    if (user?.streams.delete(inbox)) this.leave(inbox.userId, user);
  }

  failed(error: unknown): void {
    this.onError(error, 'deliver an inbox');
  }

  async read(chatIds: readonly string[]): Promise<readonly MarkedHead[]> {
    const askedAt = performance.now();
    const { heads, below } = await this.services.marks.horizon(chatIds);
    this.readMs = performance.now() - askedAt;
    for (const head of heads) {
      const known = this.heads.get(head.chatId);
      if (known?.seq !== head.seq || known.epoch !== head.epoch) this.changed.set(head.chatId, head);
    }
    this.heads = new Map(heads.map((head) => [head.chatId, head]));
    this.below = below;
    return heads;
  }

  async compared(): Promise<void> {
    const { below } = this;
    if (below === undefined || this.membersBelow === undefined) return;
    // Only what was told before may be behind a position.
    await this.tellMembers();
    // All inboxes have closed meanwhile: the next one begins anew.
    if (this.membersBelow === undefined) return;
    const changed = [...this.changed.values()];
    this.changed.clear();
    for (const { streams } of this.users.values())
      for (const stream of streams) stream.adopt(below, changed, (chatId) => this.heads.get(chatId));
    this.membersBelow = Math.max(this.membersBelow, below);
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer);
    clearTimeout(this.lookTimer);
  }

  /** @throws DomainError `RATE_LIMITED`, rule `inbox.streams`, for a user with many inboxes */
  requireRoom(userId: string): void {
    if ((this.users.get(userId)?.count ?? 0) < INBOXES_PER_USER) return;
    throw new DomainError('RATE_LIMITED', `A user may have ${INBOXES_PER_USER} inboxes open at a time.`, {
      rule: 'inbox.streams',
    });
  }

  private enter(userId: string): OpenUser {
    this.requireRoom(userId);
    let user = this.users.get(userId);
    if (!user) {
      const unsubscribe = this.hints.subscribe(userId, (hint) => this.receive(userId, hint));
      user = { streams: new Set(), count: 0, early: [], opening: 0, unsubscribe };
      this.users.set(userId, user);
    }
    user.count += 1;
    return user;
  }

  private leave(userId: string, user: OpenUser): void {
    user.count -= 1;
    if (user.count > 0) return;
    this.users.delete(userId);
    user.unsubscribe.then((unsubscribe) => unsubscribe()).catch((error: unknown) => this.failed(error));
    if (this.users.size > 0) return;
    this.hub.headReader = undefined;
    this.heads = new Map();
    this.changed.clear();
    this.below = undefined;
    this.membersBelow = undefined;
  }

  private opened(user: OpenUser): void {
    user.opening -= 1;
    if (user.opening === 0) user.early = [];
  }

  private receive(userId: string, hint: UserHint): void {
    if (hint.type === 'joined') this.lookSoon();
    else
      for (const stream of this.users.get(userId)?.streams ?? [])
        if (hint.type === 'state') stream.statesChanged(hint.chatIds, hint.ofThreads);
        else stream.invitationsChanged();
  }

  private lookSoon(): void {
    this.lookTimer ??= setTimeout(() => {
      this.lookTimer = undefined;
      this.tellMembers().catch((error: unknown) => this.onError(error, 'look for joins'));
    }, LOOK_DELAY_MS).unref();
  }

  /** One look at a time: inboxes are told of joins in their order. */
  private tellMembers(): Promise<void> {
    const told = this.looking.then(() => this.tell());
    this.looking = told.catch(() => {});
    return told;
  }

  private async tell(): Promise<void> {
    if (this.membersBelow === undefined) return;
    const below = await this.services.inbox.memberChanges(this.membersBelow, (changes) => {
      for (const change of changes) this.tellOf(change);
    });
    if (this.membersBelow !== undefined) this.membersBelow = Math.max(this.membersBelow, below);
  }

  private tellOf(change: MemberChange): void {
    const user = this.users.get(change.userId);
    if (!user) return;
    if (user.opening > 0) user.early.push(change);
    for (const stream of user.streams) stream.memberChanged(change);
  }

  private get streams(): InboxStream[] {
    return [...this.users.values()].flatMap((user) => [...user.streams]);
  }

  private rest(): void {
    for (const stream of this.streams) stream.rest();
  }

  /** Positions are short when their levels are new. */
  private takeLevel(): void {
    if (this.readMs > this.levelIntervalMs * LEVEL_SHARE) return;
    if (this.streams.some((stream) => stream.wantsLevel)) this.hub.probe();
  }

  private async checkStates(): Promise<void> {
    const { streams } = this;
    if (streams.length === 0) return;
    try {
      // All states with lower marks are visible to the statement that follows.
      const { below } = await this.services.marks.horizon([...this.heads.keys()]);
      const since = new Map<string, number>();
      for (const { userId, statesFrom } of streams)
        since.set(userId, Math.min(since.get(userId) ?? Number.POSITIVE_INFINITY, statesFrom));
      const changed = new Map<string, string[]>();
      for (const { userId, chatId } of await this.services.inbox.changedStates(since))
        changed.set(userId, [...(changed.get(userId) ?? []), chatId]);
      const invited = new Set(await this.services.invitations.usersChangedSince(since));
      for (const stream of streams) {
        if (invited.has(stream.userId)) stream.invitationsChanged();
        stream.statesChanged(changed.get(stream.userId) ?? []);
        await stream.statesAreUpTo(below);
      }
    } catch (error) {
      this.onError(error, 'check the states of inboxes');
    }
  }
}

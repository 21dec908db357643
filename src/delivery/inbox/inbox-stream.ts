import type { Invitation } from '../../domain/chats/invitations.js';
import { DomainError } from '../../domain/errors.js';
import type { ChatEvent } from '../../domain/log/chat-events.js';
import type { Cursor } from '../../domain/log/cursor.js';
import type { MarkedHead } from '../../domain/log/marks.js';
import type { ChatState } from '../../domain/mine/chat-states.js';
import type { MemberChange } from '../../domain/mine/inbox.js';
import { type InboxPosition, parsePosition } from '../../domain/mine/inbox-position.js';
import type { ChatSignal } from '../../domain/signals.js';
import { isSameReach, type Reach, type Viewer } from '../../domain/viewer.js';
import type { ChatStream } from '../chat-stream.js';
import type { CheckedStreamRequest } from '../chat-streams.js';
import type { Replace } from '../event-holder.js';
import type { ChatWatcher } from '../hub.js';
import type { StreamEnd, StreamSink } from '../stream-sink.js';
import { entering, type InboxBeginning, isBehind, progressOf } from './inbox-beginning.js';
import { InboxChat, type InboxChatStart, type InboxOfChat } from './inbox-chat.js';
import type { InboxProgress } from './inbox-progress.js';
import type { InboxSink } from './inbox-sink.js';
import { InvitationDelivery, type InvitationReceiver } from './invitation-delivery.js';
import { type Segment, segmentsOf } from './segments.js';
import { StateDelivery, type StateReceiver } from './state-delivery.js';

/** What an inbox needs of the process around it. One for all inboxes. */
export interface InboxHost {
  openChat(request: CheckedStreamRequest, sink: StreamSink): Promise<ChatStream>;
  /** As of `Hub`, and in the same turn: a chat that was subscribed to stays so. */
  watch(chatIds: readonly string[], watcher: ChatWatcher): void;
  unwatch(chatIds: Iterable<string>, watcher: ChatWatcher): void;
  states(userId: string, chatIds: readonly string[]): Promise<ChatState[]>;
  /** Those that were changed by transactions from this one on. */
  invitations(userId: string, mark: number): Promise<Invitation[]>;
  /** The history was replaced. */
  beginAnew(userId: string, chats: Reach): Promise<InboxBeginning>;
  /** The chats in reach are others from now on. */
  resume(userId: string, position: InboxPosition, chats: Reach): Promise<InboxBeginning>;
  /** The newest head of a chat, for all inboxes of the process that ask at the same time. */
  markedHead(chatId: string): Promise<MarkedHead | undefined>;
  closed(inbox: InboxStream): void;
  failed(error: unknown): void;
}

export interface InboxStart extends InboxBeginning {
  userId: string;
  viewer: () => Viewer;
  /** Whether the client's own position is of another history. */
  isReset: boolean;
  /** Of a chat in which more was missed, a gap is said. */
  maxMissed: number;
  /** What the token reached when the snapshot was taken. */
  chats: Reach;
}

/** Chats that catch up at the same time. */
const CATCHING_UP = 8;

/**
 * All chats of one user for one consumer, from a position: of each chat the changes while the user is its member, in their order, each
 * once. A join opens the chat here, a removal is its last event. Each chat is a `ChatStream`, so history and live events are joined in
 * one place.
 *
 * Most chats are quiet most of the time. Of such a chat the inbox holds nothing but how far the client has it: the hub says when the next
 * event comes, and only then the chat gets a stream.
 */
export class InboxStream implements ChatWatcher, InboxOfChat, StateReceiver, InvitationReceiver {
  readonly userId: string;
  /** The chats that are not at rest. */
  private readonly chats = new Map<string, InboxChat>();
  private progress: InboxProgress;
  /** Chats that have missed something and are not open yet, in the order of their ids. */
  private waiting: string[] = [];
  private catchingUp = 0;
  private isLive = false;
  private state: 'new' | 'open' | 'restarting' | 'closed' = 'new';
  /** Whether chats at rest have been compared with heads that were read after the snapshot. */
  private isCompared = false;
  /** Streams that have ended while the sink holds events of theirs. */
  private readonly endedStreams: ChatStream[] = [];
  /** Joins and removals that were told while the inbox restarts. */
  private readonly early: MemberChange[] = [];
  /** Whether a chat waits for room in the position. */
  private isHeldBack = false;
  private readonly states: StateDelivery;
  private readonly invitations: InvitationDelivery;
  /** The chats whose signals are delivered. */
  private signalled: ReadonlySet<string> = new Set();
  private readonly viewer: () => Viewer;
  private readonly maxMissed: number;
  private beginning: InboxBeginning | undefined;
  private readonly isReset: boolean;
  /** What the viewer's token reaches, as far as the inbox has been told. */
  private narrowedTo: Reach;

  constructor(
    private readonly sink: InboxSink,
    private readonly host: InboxHost,
    { userId, viewer, isReset, maxMissed, chats, ...beginning }: InboxStart,
  ) {
    this.userId = userId;
    this.viewer = viewer;
    this.maxMissed = maxMissed;
    this.beginning = beginning;
    this.isReset = isReset;
    this.narrowedTo = chats;
    this.progress = progressOf(beginning);
    this.states = new StateDelivery(this);
    this.invitations = new InvitationDelivery(this);
  }

  /** What the client has now. */
  get position(): string {
    return this.progress.position;
  }

  /** The lowest mark of its own states that the client may lack. */
  get statesFrom(): number {
    return this.progress.statesFrom;
  }

  /** Starts delivery. */
  start(): void {
    if (this.state !== 'new') return;
    this.state = 'open';
    const { beginning } = this;
    this.beginning = undefined;
    if (this.isReset) this.sink.reset(this.position);
    if (beginning) this.begin(beginning);
    // The token may have been replaced since the snapshot.
    void this.reachChanged();
  }

  /** The sink has room again. */
  resume(): void {
    for (const { stream } of this.chats.values()) stream?.resume();
    this.openWaiting();
  }

  /** The sink holds no events any more. */
  emptied(): void {
    for (const stream of this.endedStreams.splice(0)) stream.close();
  }

  /** Chats in which nothing has come since the last call go to rest. */
  rest(): void {
    // Events that the sink holds are replaced by their streams.
    if (this.state !== 'open' || this.sink.holdsEvents) return;
    const resting: InboxChat[] = [];
    for (const chat of this.chats.values()) {
      const seq = chat.quietSeq;
      const isQuiet = !chat.hasHeard && seq !== undefined && seq === this.progress.deliveredOf(chat.chatId);
      if (isQuiet && !this.signalled.has(chat.chatId)) resting.push(chat);
      chat.hasHeard = false;
    }
    this.host.watch(
      resting.map(({ chatId }) => chatId),
      this,
    );
    for (const { chatId, stream } of resting) {
      this.chats.delete(chatId);
      stream?.close();
    }
  }

  /** An event has come of a chat at rest, or of one that waits to catch up. */
  changed(chatId: string): void {
    if (this.state !== 'open') return;
    const chat = this.chats.get(chatId);
    if (!chat) this.wake(chatId);
    else if (!chat.stream && !chat.isOpening) chat.known = undefined;
  }

  /**
   * A chat at rest gets its stream.
   * @param head a newer head of the chat, if it is known
   */
  private wake(chatId: string, head?: MarkedHead): InboxChat | undefined {
    const epoch = this.progress.epochOf(chatId);
    const start = this.progress.deliveredOf(chatId);
    if (epoch === undefined || start === undefined) return undefined;
    const known = head?.epoch === epoch ? Math.max(head.seq, start) : start;
    const chat = this.openChat({ chatId, epoch, known, segments: [{ start }] });
    this.host.unwatch([chatId], this);
    return chat;
  }

  /** A chat that is not at rest from now on, and need not wait for others to catch up. */
  private openChat(start: InboxChatStart): InboxChat {
    const chat = new InboxChat(this, start);
    this.chats.set(chat.chatId, chat);
    void this.openNext(chat);
    return chat;
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.beginning?.watch.end();
    this.closeChats();
    this.host.closed(this);
  }

  /**
   * Delivers the signals of these chats from now on, and of no others. They have streams, however quiet they are. Those that the user is no
   * member of have no signals.
   */
  hearSignals(chatIds: readonly string[]): void {
    const before = this.signalled;
    this.signalled = new Set(chatIds);
    for (const chatId of before) if (!this.signalled.has(chatId)) this.chats.get(chatId)?.stream?.hearSignals(false);
    for (const chatId of this.signalled) {
      const chat = this.chats.get(chatId);
      if (chat) chat.stream?.hearSignals(true);
      else if (this.state === 'open') this.wake(chatId);
    }
  }

  /** A join or a removal of the user, perhaps one that is known already. */
  memberChanged(change: MemberChange): void {
    if (this.state === 'restarting') this.early.push(change);
    // Those with lower marks were told before the level was taken.
    if (this.state !== 'open' || change.mark < this.progress.level || !this.reaches(change.chatId)) return;
    if (change.kind === 'member.removed') this.progress.removed(change.chatId, change.seq, change.mark);
    else this.joined(change);
  }

  private joined({ chatId, epoch, seq, mark }: MemberChange): void {
    const start = seq - 1;
    const delivered = this.progress.deliveredOf(chatId);
    const open = this.chats.get(chatId);
    if (!open && delivered !== undefined && delivered >= seq) return;
    const chat = open ?? this.wake(chatId);
    if (chat) {
      // Between two memberships there is no segment: the last removal has been delivered.
      const known = chat.segments.at(-1)?.start ?? (delivered ?? 0) - 1;
      if (start > known) chat.segments.push({ start });
      return;
    }
    // So many chats were joined at once that no position could name them.
    if (!this.progress.hasRoomToJoin) {
      void this.restart();
      return;
    }
    this.progress.add({ chatId, epoch, seq, mark }, start);
    this.progress.delivered(chatId, start);
    this.openChat({ chatId, epoch, known: seq, segments: [{ start }] });
  }

  /** The user's own states of these chats have changed. */
  statesChanged(chatIds: readonly string[]): void {
    this.states.add(chatIds.filter((chatId) => this.reaches(chatId)));
    void this.states.deliver();
  }

  get isClosed(): boolean {
    return this.state === 'closed';
  }

  readStates(chatIds: readonly string[]): Promise<ChatState[]> {
    return this.host.states(this.userId, chatIds);
  }

  statesFailed(error: unknown): void {
    this.host.failed(error);
  }

  takeStates(states: readonly ChatState[]): boolean {
    if (this.state !== 'open') return false;
    // The token may have been replaced meanwhile.
    for (const state of states) if (this.reaches(state.chatId)) this.sink.state(state, this.position);
    return true;
  }

  /** The user was invited, or an invitation of the user has ended. */
  invitationsChanged(): void {
    this.invitations.changed();
  }

  readInvitations(): Promise<Invitation[]> {
    // They are of no chat that a narrowed token is for.
    return this.narrowedTo ? Promise.resolve([]) : this.host.invitations(this.userId, this.statesFrom);
  }

  takeInvitations(invitations: readonly Invitation[]): boolean {
    if (this.state !== 'open') return false;
    if (!this.narrowedTo) for (const invitation of invitations) this.sink.invitation(invitation, this.position);
    return true;
  }

  invitationsFailed(error: unknown): void {
    this.host.failed(error);
  }

  /** Whether the viewer's token reaches the chat, as far as the inbox has been told. */
  reaches(chatId: string): boolean {
    return this.narrowedTo?.has(chatId) ?? true;
  }

  /**
   * The token was replaced. Chats that the new one does not reach leave the inbox without an event; those that it reaches newly enter as
   * they are now; of the others nothing is missed.
   */
  async reachChanged(): Promise<void> {
    if (this.state !== 'open') return;
    try {
      const { chats } = this.viewer();
      const before = this.narrowedTo;
      if (isSameReach(chats, before)) return;
      this.narrowedTo = chats;
      this.state = 'restarting';
      const position = parsePosition(this.position);
      this.pauseChats();
      this.states.keep((chatId) => this.reaches(chatId));
      const beginning = entering(await this.host.resume(this.userId, position, chats), before);
      if (this.continueWith(beginning)) this.started(beginning);
    } catch (error) {
      this.failed(error);
    }
  }

  /** False when the inbox was closed in the meantime. */
  private continueWith(beginning: InboxBeginning): boolean {
    if (this.state !== 'restarting') {
      beginning.watch.end();
      return false;
    }
    this.progress = progressOf(beginning);
    this.isCompared = false;
    this.state = 'open';
    return true;
  }

  private started(beginning: InboxBeginning): void {
    this.begin(beginning);
    for (const change of this.early.splice(0)) this.memberChanged(change);
    // The token may have been replaced since the snapshot.
    void this.reachChanged();
  }

  /** As `closeChats`, but what the sink holds is still replaced when it changes. */
  private pauseChats(): void {
    const held = this.endedStreams.splice(0);
    for (const chat of this.chats.values()) {
      if (!chat.stream || !this.sink.holdsEvents) continue;
      chat.stream.stop();
      held.push(chat.stream);
      chat.stream = undefined;
    }
    this.closeChats();
    this.endedStreams.push(...held);
  }

  /** All states and invitations with lower marks were announced by `statesChanged` and `invitationsChanged` before. */
  async statesAreUpTo(below: number): Promise<void> {
    await Promise.all([this.states.deliver(), this.invitations.deliver()]);
    if (!this.states.isDone || !this.invitations.isDone) return;
    this.progress.statesDelivered(below);
    this.invitations.forget(this.statesFrom);
  }

  /** Whether a new level would make the position shorter. */
  get wantsLevel(): boolean {
    return this.state === 'open' && this.progress.hasExceptions;
  }

  /** See `InboxProgress.adopt`. A chat at rest that has changed, of which nothing was heard, is opened. */
  adopt(below: number, changed: readonly MarkedHead[], headOf: (chatId: string) => MarkedHead | undefined): void {
    if (this.state !== 'open') return;
    this.compare(changed, headOf);
    this.progress.adopt(below, changed, headOf);
    this.resumeHeldBack();
  }

  private compare(changed: readonly MarkedHead[], headOf: (chatId: string) => MarkedHead | undefined): void {
    const heads = this.isCompared
      ? changed
      : [...this.progress.chatIds()].map(headOf).filter((head) => head !== undefined);
    this.isCompared = true;
    for (const head of heads) {
      const { chatId, epoch, seq } = head;
      if (this.chats.has(chatId) || this.progress.epochOf(chatId) === undefined) continue;
      if (this.progress.epochOf(chatId) !== epoch || this.progress.deliveredOf(chatId) !== seq) this.wake(chatId, head);
    }
  }

  private begin({ snapshot: { below, chats }, watch, isInvitationDue }: InboxBeginning): void {
    const resting: string[] = [];
    for (const chat of chats) {
      if (!chat.isMember && chat.changes.length === 0) continue;
      const { chatId, epoch, seq } = chat;
      const isQuiet = watch.isQuiet(chatId);
      if (isBehind(chat)) {
        const segments = segmentsOf(chat, this.maxMissed);
        const behind = new InboxChat(this, { chatId, epoch, known: seq, segments, target: seq });
        if (!isQuiet) behind.known = undefined;
        this.chats.set(chatId, behind);
        this.waiting.push(chatId);
      } else if (isQuiet && !this.signalled.has(chatId)) resting.push(chatId);
      else {
        const known = watch.isWatched(chatId) ? seq : undefined;
        this.openChat({ chatId, epoch, known, segments: [{ start: seq }] });
      }
    }
    this.host.watch([...resting, ...this.waiting], this);
    this.waiting.sort();
    this.openWaiting();
    watch.end();
    this.announceLive();
    this.statesChanged(chats.filter(({ isStateDue }) => isStateDue).map(({ chatId }) => chatId));
    if (isInvitationDue) this.invitationsChanged();
    void this.statesAreUpTo(below);
  }

  private openWaiting(): void {
    while (this.state === 'open' && this.catchingUp < CATCHING_UP && this.sink.hasRoom) {
      const [chatId] = this.waiting;
      // A gap is said when the chat is opened.
      if (chatId === undefined || !this.canTake(chatId)) return;
      this.waiting.shift();
      this.catchingUp += 1;
      const chat = this.chats.get(chatId);
      if (chat) void this.openNext(chat);
      this.host.unwatch([chatId], this);
    }
  }

  /** Opens the next membership of a chat, or leaves the chat when there is none. Asks for its feed in the same turn. */
  private async openNext(chat: InboxChat): Promise<void> {
    const { chatId, epoch } = chat;
    if (this.chats.get(chatId) !== chat || chat.isOpening) return;
    chat.isOpening = true;
    try {
      const [segment] = chat.segments;
      if (!segment) return this.leave(chat);
      const after = this.skip(chat, segment);
      const request = {
        ...{ chatId, viewer: this.viewer, after },
        known: chat.known === undefined ? undefined : { chatId, epoch, seq: chat.known },
        ends: this.endOf,
        signals: this.signalled.has(chatId),
      };
      const stream = await this.host.openChat(request, chat);
      if (this.state !== 'open' || this.chats.get(chatId) !== chat) return stream.close();
      chat.stream = stream;
      // Others may have been asked for meanwhile.
      stream.hearSignals(this.signalled.has(chatId));
      this.checkCaughtUp(chat);
    } catch (error) {
      if (error instanceof DomainError && error.code === 'NOT_FOUND') this.historyReplaced();
      else this.failed(error);
    } finally {
      chat.isOpening = false;
    }
  }

  /** Says the gap of a membership. Returns the cursor to open it behind. */
  private skip({ chatId, epoch }: InboxChat, { start, gapTo }: Segment): Cursor {
    if (gapTo === undefined) return { epoch, seq: start };
    const cursor = { epoch, seq: gapTo };
    this.progress.delivered(chatId, gapTo);
    this.sink.gap({ chatId, after: { epoch, seq: start }, cursor }, this.position);
    return cursor;
  }

  /** A removal ends the chat here, for an admin too: an inbox has the chats that its user is a member of. */
  private readonly endOf = (event: ChatEvent): StreamEnd | undefined => {
    if (event.type === 'chat.deleted') return 'deleted';
    return event.type === 'member.removed' && event.user.id === this.userId ? 'removed' : undefined;
  };

  get holdsEvents(): boolean {
    return this.sink.holdsEvents;
  }

  canTake(chatId: string): boolean {
    const hasRoom = this.progress.hasRoomFor(chatId);
    if (!hasRoom) this.isHeldBack = true;
    return hasRoom && this.sink.hasRoom;
  }

  /** The position may have room again for chats that had to wait for it. */
  private resumeHeldBack(): void {
    if (!this.isHeldBack) return;
    this.isHeldBack = false;
    this.resume();
  }

  deliver(chat: InboxChat, events: readonly ChatEvent[]): void {
    for (const event of events) {
      this.progress.delivered(chat.chatId, event.seq);
      this.sink.event(event, this.position);
    }
    this.checkCaughtUp(chat);
  }

  signal(chatId: string, signal: ChatSignal): void {
    this.sink.signal?.(chatId, signal);
  }

  replace(replace: Replace): void {
    this.sink.replace(replace);
  }

  historyReplaced(): void {
    void this.restart();
  }

  /** A stream of the chat has ended: with a removal, or because the chat is gone. */
  ended(chat: InboxChat, reason: StreamEnd): void {
    if (chat.stream && this.sink.holdsEvents) this.endedStreams.push(chat.stream);
    chat.stream = undefined;
    if (reason === 'failed') this.failed(new Error('The stream of a chat failed.'));
    else if (reason === 'not_found') this.historyReplaced();
    else {
      chat.segments.shift();
      chat.isDeleted = reason === 'deleted';
      // The stream held the feed.
      chat.known = undefined;
      // In a later turn: the stream is still ending, and a chat that is being opened must know its stream.
      setImmediate(() => void this.openNext(chat));
    }
  }

  /** A removal is told with its mark (`memberChanged`), and lets the position forget the chat; of a deletion the mark is asked for. */
  private async deleted(chatId: string): Promise<void> {
    const { progress } = this;
    try {
      const head = await this.host.markedHead(chatId);
      if (head) progress.removed(chatId, head.seq, head.mark);
    } catch (error) {
      // The position is longer than it need be.
      this.host.failed(error);
    }
  }

  private leave(chat: InboxChat): void {
    this.chats.delete(chat.chatId);
    this.progress.leave(chat.chatId);
    if (chat.isDeleted) void this.deleted(chat.chatId);
    if (chat.target !== undefined) this.caughtUp(chat);
  }

  private checkCaughtUp(chat: InboxChat): void {
    if (chat.target === undefined || chat.segments.length > 1) return;
    if ((this.progress.deliveredOf(chat.chatId) ?? 0) >= chat.target) this.caughtUp(chat);
  }

  private caughtUp(chat: InboxChat): void {
    chat.target = undefined;
    this.catchingUp -= 1;
    this.progress.caughtUp(chat.chatId);
    setImmediate(() => {
      this.openWaiting();
      this.resumeHeldBack();
      this.announceLive();
    });
  }

  private announceLive(): void {
    if (this.isLive || this.state !== 'open' || this.catchingUp > 0 || this.waiting.length > 0) return;
    this.isLive = true;
    this.sink.live(this.position);
  }

  /** The history of a chat was replaced, and with it what positions count in. */
  private async restart(): Promise<void> {
    if (this.state !== 'open') return;
    this.state = 'restarting';
    this.closeChats();
    try {
      this.narrowedTo = this.viewer().chats;
      const beginning = await this.host.beginAnew(this.userId, this.narrowedTo);
      if (!this.continueWith(beginning)) return;
      this.isLive = false;
      this.sink.reset(this.position);
      this.started(beginning);
    } catch (error) {
      this.failed(error);
    }
  }

  private closeChats(): void {
    for (const { stream } of [...this.chats.values()]) stream?.close();
    this.chats.clear();
    this.host.unwatch(this.progress.chatIds(), this);
    this.emptied();
    this.waiting = [];
    this.catchingUp = 0;
  }

  private failed(error: unknown): void {
    if (this.state === 'closed') return;
    this.host.failed(error);
    this.close();
    this.sink.failed();
  }
}

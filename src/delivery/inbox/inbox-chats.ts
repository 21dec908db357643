import { DomainError } from '../../domain/errors.js';
import type { ChatEvent } from '../../domain/log/chat-events.js';
import type { Cursor } from '../../domain/log/cursor.js';
import type { MarkedHead } from '../../domain/log/marks.js';
import type { MemberChange } from '../../domain/mine/inbox.js';
import type { ChatSignal } from '../../domain/signals.js';
import type { Viewer } from '../../domain/viewer.js';
import type { ChatStream } from '../chat-stream.js';
import type { Replace } from '../event-holder.js';
import type { ChatWatcher } from '../hub.js';
import type { StreamEnd } from '../stream-sink.js';
import { CatchingUp, type ChatsCatchingUp } from './catching-up.js';
import { type InboxBeginning, isBehind, progressOf } from './inbox-beginning.js';
import { InboxChat, type InboxChatStart, type InboxOfChat } from './inbox-chat.js';
import type { InboxProgress } from './inbox-progress.js';
import type { InboxSink } from './inbox-sink.js';
import type { InboxSources } from './inbox-sources.js';
import { type Segment, segmentsOf } from './segments.js';
import { SignalledChats } from './signalled-chats.js';

/** The inbox that the chats are of. */
export interface InboxOfChats {
  readonly userId: string;
  readonly isOpen: boolean;
  /** The history of a chat was replaced, or so much has happened at once that no position could name it: the inbox begins anew. */
  historyReplaced(): void;
  failed(error: unknown): void;
}

interface InboxChatsStart {
  viewer: () => Viewer;
  maxMissed: number;
  beginning: InboxBeginning;
}

/**
 * The chats of an inbox, and what the client has of them. Most are quiet most of the time. Of such a chat the inbox holds nothing but how
 * far the client has it: the hub says when the next event comes, and only then the chat gets a stream.
 */
export class InboxChats implements ChatWatcher, InboxOfChat, ChatsCatchingUp {
  /** The chats that are not at rest. */
  private readonly chats = new Map<string, InboxChat>();
  private progress: InboxProgress;
  private readonly catchingUp = new CatchingUp(this);
  /** Whether chats at rest have been compared with heads that were read after the snapshot. */
  private isCompared = false;
  /** Streams that have ended while the sink holds events of theirs. */
  private readonly endedStreams: ChatStream[] = [];
  /** Whether a chat waits for room in the position. */
  private isHeldBack = false;
  private readonly signalled = new SignalledChats(() => this.announceLive());
  private readonly viewer: () => Viewer;
  private readonly maxMissed: number;

  constructor(
    private readonly inbox: InboxOfChats,
    private readonly sink: InboxSink,
    private readonly host: Pick<
      InboxSources,
      'openChat' | 'watch' | 'unwatch' | 'comparedHead' | 'markedHead' | 'failed'
    >,
    { viewer, maxMissed, beginning }: InboxChatsStart,
  ) {
    this.viewer = viewer;
    this.maxMissed = maxMissed;
    this.progress = progressOf(beginning);
  }

  /** What the client has now. */
  get position(): string {
    return this.progress.position;
  }

  /** See `InboxProgress`. */
  get level(): number {
    return this.progress.level;
  }

  get statesFrom(): number {
    return this.progress.statesFrom;
  }

  statesDelivered(below: number): void {
    this.progress.statesDelivered(below);
  }

  get hasExceptions(): boolean {
    return this.progress.hasExceptions;
  }

  /** The client goes on from another position. `begin` follows. */
  replaceProgress(beginning: InboxBeginning): void {
    this.progress = progressOf(beginning);
    this.isCompared = false;
  }

  /** What was missed is told anew, and its end too. */
  beginHistoryAnew(): void {
    this.catchingUp.again();
  }

  begin({ snapshot: { chats }, watch }: InboxBeginning): void {
    const resting: string[] = [];
    const waiting: string[] = [];
    for (const chat of chats) {
      if (!chat.isMember && chat.changes.length === 0) continue;
      const { chatId, epoch, seq } = chat;
      const isQuiet = watch.isQuiet(chatId);
      if (isBehind(chat)) {
        const segments = segmentsOf(chat, this.maxMissed);
        const behind = new InboxChat(this, { chatId, epoch, known: seq, segments, target: seq });
        if (!isQuiet) behind.known = undefined;
        this.chats.set(chatId, behind);
        waiting.push(chatId);
      } else if (isQuiet && !this.signalled.has(chatId)) resting.push(chatId);
      else {
        const known = watch.isWatched(chatId) ? seq : undefined;
        this.openChat({ chatId, epoch, known, segments: [{ start: seq }] });
      }
    }
    this.host.watch([...resting, ...waiting], this);
    this.catchingUp.begin(waiting);
    watch.end();
    this.hear();
    this.announceLive();
  }

  /** The sink has room again. */
  resume(): void {
    for (const { stream } of this.chats.values()) stream?.resume();
    this.catchingUp.goOn();
  }

  /** The sink holds no events any more. */
  emptied(): void {
    for (const stream of this.endedStreams.splice(0)) stream.close();
  }

  /** Chats in which nothing has come since the last call go to rest. */
  rest(): void {
    // Events that the sink holds are replaced by their streams.
    if (this.sink.holdsEvents) return;
    const resting: InboxChat[] = [];
    for (const chat of this.chats.values()) {
      const seq = chat.quietSeq;
      const isQuiet = !chat.hasHeard && seq !== undefined && seq === this.progress.deliveredOf(chat.chatId);
      // Chats at rest are told of heads that have changed since they were last compared, and of this one it would be told no more.
      const isNewest = (this.host.comparedHead(chat.chatId)?.seq ?? 0) <= (seq ?? 0);
      if (isQuiet && isNewest && !this.signalled.has(chat.chatId)) resting.push(chat);
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
    if (!this.inbox.isOpen) return;
    const chat = this.chats.get(chatId);
    if (chat) this.outdated(chat);
    else this.wake(chatId);
  }

  /**
   * What a chat that waits to catch up knows of its head holds no more.
   * @param head what is known instead
   */
  private outdated(chat: InboxChat, head?: MarkedHead): void {
    if (chat.stream || chat.isOpening || (head && chat.known !== undefined && head.seq <= chat.known)) return;
    chat.known = undefined;
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

  /**
   * Delivers the signals of these chats, and from now on of no others. They have streams, however quiet they are. Those that the user is no
   * member of have no signals. Resolves when the signals of the others are heard, or others are asked for; before the inbox has begun, at
   * once.
   */
  async hearSignals(chatIds: readonly string[]): Promise<void> {
    for (const chatId of this.signalled.replace(chatIds)) void this.chats.get(chatId)?.stream?.hearSignals(false);
    if (!this.inbox.isOpen) return;
    this.hear();
    await this.signalled.whenHeard();
  }

  private hear(): void {
    for (const chatId of this.signalled) {
      const chat = this.chats.get(chatId) ?? this.wake(chatId);
      if (!chat) continue;
      this.signalled.miss(chatId);
      void this.hearChat(chat);
    }
  }

  /** A stream that is not live may lack signals that come before. */
  private async hearChat(chat: InboxChat): Promise<void> {
    await chat.stream?.hearSignals(true);
    if (chat.isLive && this.chats.get(chat.chatId) === chat) this.signalled.heard(chat.chatId);
  }

  becameLive(chat: InboxChat): void {
    if (this.signalled.has(chat.chatId)) void this.hearChat(chat);
  }

  /** A join or a removal of the user, perhaps one that is known already. */
  memberChanged(change: MemberChange): void {
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
      this.inbox.historyReplaced();
      return;
    }
    this.progress.add({ chatId, epoch, seq, mark }, start);
    this.progress.delivered(chatId, start);
    this.openChat({ chatId, epoch, known: seq, segments: [{ start }] });
  }

  /** See `InboxProgress.adopt`. A chat at rest that has changed, of which nothing was heard, is opened. */
  adopt(below: number, changed: readonly MarkedHead[], headOf: (chatId: string) => MarkedHead | undefined): void {
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
      const chat = this.chats.get(chatId);
      if (chat) this.outdated(chat, head);
      if (chat || this.progress.epochOf(chatId) === undefined) continue;
      if (this.progress.epochOf(chatId) !== epoch || this.progress.deliveredOf(chatId) !== seq) this.wake(chatId, head);
    }
  }

  get hasRoom(): boolean {
    return this.inbox.isOpen && this.sink.hasRoom;
  }

  openWaiting(chatId: string): void {
    const chat = this.chats.get(chatId);
    if (chat) void this.openNext(chat);
    this.host.unwatch([chatId], this);
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
      if (!this.inbox.isOpen || this.chats.get(chatId) !== chat) return stream.close();
      chat.stream = stream;
      // Others may have been asked for meanwhile.
      void stream.hearSignals(this.signalled.has(chatId));
      this.checkCaughtUp(chat);
    } catch (error) {
      if (error instanceof DomainError && error.code === 'NOT_FOUND') this.historyReplaced();
      else this.inbox.failed(error);
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
    return event.type === 'member.removed' && event.user.id === this.inbox.userId ? 'removed' : undefined;
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
    this.inbox.historyReplaced();
  }

  /** A stream of the chat has ended: with a removal, or because the chat is gone. */
  ended(chat: InboxChat, reason: StreamEnd): void {
    if (chat.stream && this.sink.holdsEvents) this.endedStreams.push(chat.stream);
    chat.stream = undefined;
    if (reason === 'failed') this.inbox.failed(new Error('The stream of a chat failed.'));
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
    this.signalled.heard(chat.chatId);
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
    this.catchingUp.done();
    this.progress.caughtUp(chat.chatId);
    setImmediate(() => {
      this.catchingUp.goOn();
      this.resumeHeldBack();
      this.announceLive();
    });
  }

  private announceLive(): void {
    if (this.inbox.isOpen && this.signalled.isHeard) this.catchingUp.announce();
  }

  live(): void {
    this.sink.live(this.position);
  }

  /** As `close`, but what the sink holds is still replaced when it changes. */
  pause(): void {
    const held = this.endedStreams.splice(0);
    for (const chat of this.chats.values()) {
      if (!chat.stream || !this.sink.holdsEvents) continue;
      chat.stream.stop();
      held.push(chat.stream);
      chat.stream = undefined;
    }
    this.close();
    this.endedStreams.push(...held);
  }

  close(): void {
    for (const { stream } of [...this.chats.values()]) stream?.close();
    this.chats.clear();
    this.signalled.forget();
    this.host.unwatch(this.progress.chatIds(), this);
    this.emptied();
    this.catchingUp.stop();
  }
}

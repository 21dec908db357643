import type { ChatEvent } from '../../domain/log/chat-events.js';
import type { Cursor } from '../../domain/log/cursor.js';
import type { MarkedHead } from '../../domain/log/marks.js';
import type { ChatState } from '../../domain/mine/chat-states.js';
import type { InboxChat, InboxSnapshot, MemberChange } from '../../domain/mine/inbox.js';
import type { InboxPosition } from '../../domain/mine/inbox-position.js';
import type { Viewer } from '../../domain/viewer.js';
import type { ChatStream } from '../chat-stream.js';
import type { CheckedStreamRequest } from '../chat-streams.js';
import type { Replace } from '../event-holder.js';
import type { StreamEnd, StreamSink } from '../stream-sink.js';
import { type HeadOf, InboxProgress } from './inbox-progress.js';
import type { InboxSink } from './inbox-sink.js';
import { type Segment, segmentsOf } from './segments.js';

/** What an inbox needs of the process around it. One for all inboxes. */
export interface InboxHost {
  openChat(request: CheckedStreamRequest, sink: StreamSink): Promise<ChatStream>;
  states(userId: string, chatIds: readonly string[]): Promise<ChatState[]>;
  /** The history was replaced: the position to go on from, and what there is. */
  startAnew(userId: string): Promise<{ position: InboxPosition; snapshot: InboxSnapshot }>;
  closed(inbox: InboxStream): void;
  failed(error: unknown): void;
}

export interface InboxStart {
  userId: string;
  viewer: () => Viewer;
  position: InboxPosition;
  snapshot: InboxSnapshot;
  /** Whether the client's own position is of another history. */
  isReset: boolean;
  /** Of a chat in which more was missed, a gap is said. */
  maxMissed: number;
}

/** Chats that catch up at the same time. */
const CATCHING_UP = 8;

/** One chat of the inbox: the rest of what is to be delivered of it, and its stream. */
interface OpenChat {
  epoch: string;
  /** A number of the chat's that is committed. */
  known: number;
  segments: Segment[];
  /** The client has caught up once it has this number; undefined when it has. */
  target: number | undefined;
  stream: ChatStream | undefined;
  isOpening: boolean;
}

/**
 * All chats of one user for one consumer, from a position: of each chat the changes while the user is its member, in their order, each
 * once. A join opens the chat here, a removal is its last event. Each chat is a `ChatStream`, so history and live events are joined in
 * one place.
 */
export class InboxStream {
  readonly userId: string;
  private readonly chats = new Map<string, OpenChat>();
  private progress: InboxProgress;
  /** Chats that have missed something and are not open yet, in the order of their ids. */
  private waiting: string[] = [];
  private catchingUp = 0;
  private isLive = false;
  private state: 'new' | 'open' | 'restarting' | 'closed' = 'new';
  /** Streams that have ended while the sink holds events of theirs. */
  private ended: ChatStream[] = [];
  private readonly dueStates = new Set<string>();
  private isReadingStates = false;
  private readonly viewer: () => Viewer;
  private readonly maxMissed: number;
  private snapshot: InboxSnapshot | undefined;
  private readonly isReset: boolean;

  constructor(
    private readonly sink: InboxSink,
    private readonly host: InboxHost,
    { userId, viewer, position, snapshot, isReset, maxMissed }: InboxStart,
  ) {
    this.userId = userId;
    this.viewer = viewer;
    this.maxMissed = maxMissed;
    this.snapshot = snapshot;
    this.isReset = isReset;
    this.progress = this.progressOf(position, snapshot);
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
    const { snapshot } = this;
    this.snapshot = undefined;
    if (this.isReset) this.sink.reset(this.position);
    if (snapshot) this.takeSnapshot(snapshot);
  }

  /** The sink has room again. */
  resume(): void {
    for (const { stream } of this.chats.values()) stream?.resume();
    this.openWaiting();
  }

  /** The sink holds no events any more. */
  emptied(): void {
    for (const stream of this.ended.splice(0)) stream.close();
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.closeChats();
    this.host.closed(this);
  }

  /** A join or a removal of the user, perhaps one that is known already. */
  memberChanged({ chatId, epoch, seq, mark, kind }: MemberChange): void {
    // Those with lower marks were told before the level was taken.
    if (this.state !== 'open' || mark < this.progress.level) return;
    if (kind === 'member.removed') this.progress.removed(chatId, mark);
    else this.joined(chatId, epoch, seq, mark);
  }

  private joined(chatId: string, epoch: string, seq: number, mark: number): void {
    const start = seq - 1;
    const chat = this.chats.get(chatId);
    if (chat) {
      // Between two memberships there is no segment: the last removal has been delivered.
      const known = chat.segments.at(-1)?.start ?? (this.progress.deliveredOf(chatId) ?? 0) - 1;
      if (start > known) chat.segments.push({ start });
      return;
    }
    if ((this.progress.deliveredOf(chatId) ?? -1) >= seq) return;
    this.progress.add(chatId, { chatId, epoch, seq, mark }, start);
    this.progress.delivered(chatId, start);
    this.chats.set(chatId, {
      epoch,
      known: seq,
      segments: [{ start }],
      target: undefined,
      stream: undefined,
      isOpening: false,
    });
    void this.openNext(chatId);
  }

  /** The user's own states of these chats have changed. */
  statesChanged(chatIds: readonly string[]): void {
    for (const chatId of chatIds) this.dueStates.add(chatId);
    void this.deliverStates();
  }

  /** All states with lower marks were announced by `statesChanged` before. */
  async statesAreUpTo(below: number): Promise<void> {
    await this.deliverStates();
    if (this.dueStates.size === 0 && !this.isReadingStates) this.progress.statesDelivered(below);
  }

  /** See `InboxProgress.adopt`. */
  adopt(below: number, changed: readonly MarkedHead[], headOf: HeadOf): void {
    if (this.state !== 'open') return;
    const wasFull = !this.progress.hasRoomForLive;
    this.progress.adopt(below, changed, headOf);
    if (wasFull && this.progress.hasRoomForLive) this.resume();
  }

  private progressOf(position: InboxPosition, { below, chats }: InboxSnapshot): InboxProgress {
    const behind = chats.filter((chat) => isBehind(chat)).map(({ chatId }) => chatId);
    const progress = new InboxProgress(position, below, behind);
    for (const { chatId, epoch, seq, mark, isMember, from, changes } of chats) {
      progress.add(chatId, { chatId, epoch, seq, mark }, from);
      // The chat's mark is not below that of a removal in it.
      if (changes.length > 0 || !isMember) progress.removed(chatId, mark);
      if (changes.length === 0 && !isMember) progress.leave(chatId);
    }
    progress.begin();
    return progress;
  }

  private takeSnapshot({ below, chats }: InboxSnapshot): void {
    for (const chat of chats) {
      if (!chat.isMember && chat.changes.length === 0) continue;
      const { chatId, epoch, seq } = chat;
      const segments = segmentsOf(chat, this.maxMissed);
      const target = isBehind(chat) ? seq : undefined;
      this.chats.set(chatId, { epoch, known: seq, segments, target, stream: undefined, isOpening: false });
      if (target === undefined) void this.openNext(chatId);
      else this.waiting.push(chatId);
    }
    this.waiting.sort();
    this.openWaiting();
    this.announceLive();
    this.statesChanged(chats.filter(({ isStateDue }) => isStateDue).map(({ chatId }) => chatId));
    void this.statesAreUpTo(below);
  }

  private openWaiting(): void {
    while (this.state === 'open' && this.catchingUp < CATCHING_UP && this.sink.hasRoom) {
      const chatId = this.waiting.shift();
      if (chatId === undefined) return;
      this.catchingUp += 1;
      void this.openNext(chatId);
    }
  }

  /** Opens the next membership of a chat, or leaves the chat when there is none. */
  private async openNext(chatId: string): Promise<void> {
    const chat = this.chats.get(chatId);
    if (!chat || chat.isOpening) return;
    chat.isOpening = true;
    try {
      const [segment] = chat.segments;
      if (!segment) return this.leave(chatId);
      const after = this.skip(chatId, chat, segment);
      const request = {
        ...{ chatId, viewer: this.viewer, after, known: { chatId, epoch: chat.epoch, seq: chat.known } },
        ends: (event: ChatEvent) => this.endOf(event),
      };
      const stream = await this.host.openChat(request, this.sinkOf(chatId, chat));
      if (this.state !== 'open' || this.chats.get(chatId) !== chat) stream.close();
      else chat.stream = stream;
      this.checkCaughtUp(chatId, chat);
    } catch (error) {
      this.failed(error);
    } finally {
      chat.isOpening = false;
    }
  }

  /** Says the gap of a membership. Returns the cursor to open it behind. */
  private skip(chatId: string, { epoch }: OpenChat, { start, gapTo }: Segment): Cursor {
    if (gapTo === undefined) return { epoch, seq: start };
    const cursor = { epoch, seq: gapTo };
    this.progress.delivered(chatId, gapTo);
    this.sink.gap({ chatId, after: { epoch, seq: start }, cursor }, this.position);
    return cursor;
  }

  /** A removal ends the chat here, for an admin too: an inbox has the chats that its user is a member of. */
  private endOf(event: ChatEvent): StreamEnd | undefined {
    return event.type === 'member.removed' && event.user.id === this.userId ? 'removed' : undefined;
  }

  private sinkOf(chatId: string, chat: OpenChat): StreamSink {
    const { sink } = this;
    const canTake = () => sink.hasRoom && this.progress.hasRoomFor(chatId);
    return {
      get holdsEvents() {
        return sink.holdsEvents;
      },
      get canTake() {
        return canTake();
      },
      deliver: (events) => {
        for (const event of events) {
          this.progress.delivered(chatId, event.seq);
          sink.event(event, this.position);
        }
        this.checkCaughtUp(chatId, chat);
        return canTake();
      },
      replace: (replace: Replace) => sink.replace(replace),
      live: () => {},
      reset: () => void this.restart(),
      end: (reason) => this.chatEnded(chatId, chat, reason),
    };
  }

  private chatEnded(chatId: string, chat: OpenChat, reason: StreamEnd): void {
    if (chat.stream && this.sink.holdsEvents) this.ended.push(chat.stream);
    chat.stream = undefined;
    if (reason === 'failed') this.failed(new Error('The stream of a chat failed.'));
    else if (reason === 'not_found') void this.restart();
    else {
      chat.segments.shift();
      // In a later turn: the stream is still ending, and a chat that is being opened must know its stream.
      setImmediate(() => void this.openNext(chatId));
    }
  }

  private leave(chatId: string): void {
    const chat = this.chats.get(chatId);
    this.chats.delete(chatId);
    this.progress.leave(chatId);
    if (chat?.target !== undefined) this.caughtUp(chatId, chat);
  }

  private checkCaughtUp(chatId: string, chat: OpenChat): void {
    if (chat.target === undefined || chat.segments.length > 1) return;
    if ((this.progress.deliveredOf(chatId) ?? 0) >= chat.target) this.caughtUp(chatId, chat);
  }

  private caughtUp(chatId: string, chat: OpenChat): void {
    chat.target = undefined;
    this.catchingUp -= 1;
    this.progress.caughtUp(chatId);
    setImmediate(() => {
      this.openWaiting();
      this.announceLive();
    });
  }

  private announceLive(): void {
    if (this.isLive || this.state !== 'open' || this.catchingUp > 0 || this.waiting.length > 0) return;
    this.isLive = true;
    this.sink.live(this.position);
  }

  private async deliverStates(): Promise<void> {
    if (this.isReadingStates) return;
    this.isReadingStates = true;
    try {
      while (this.dueStates.size > 0 && this.state !== 'closed') {
        const chatIds = [...this.dueStates].slice(0, 100);
        for (const chatId of chatIds) this.dueStates.delete(chatId);
        const states = await this.host.states(this.userId, chatIds).catch((error: unknown) => {
          for (const chatId of chatIds) this.dueStates.add(chatId);
          throw error;
        });
        if (this.state !== 'open') return;
        for (const state of states) this.sink.state(state, this.position);
      }
    } catch (error) {
      // They are delivered when the states are checked.
      this.host.failed(error);
    } finally {
      this.isReadingStates = false;
    }
  }

  /** The history of a chat was replaced, and with it what positions count in. */
  private async restart(): Promise<void> {
    if (this.state !== 'open') return;
    this.state = 'restarting';
    this.closeChats();
    try {
      const { position, snapshot } = await this.host.startAnew(this.userId);
      if (this.state !== 'restarting') return;
      this.progress = this.progressOf(position, snapshot);
      this.isLive = false;
      this.state = 'open';
      this.sink.reset(this.position);
      this.takeSnapshot(snapshot);
    } catch (error) {
      this.failed(error);
    }
  }

  private closeChats(): void {
    const { chats } = this;
    for (const { stream } of [...chats.values()]) stream?.close();
    chats.clear();
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

function isBehind({ from, seq, changes }: InboxChat): boolean {
  return from < seq || changes.length > 0;
}

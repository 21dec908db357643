import type { MarkedHead } from '../../domain/log/marks.js';
import type { MemberChange } from '../../domain/mine/inbox.js';
import { parsePosition } from '../../domain/mine/inbox-position.js';
import { isSameReach, type Reach, type Viewer } from '../../domain/viewer.js';
import { entering, type InboxBeginning } from './inbox-beginning.js';
import { InboxChats, type InboxOfChats } from './inbox-chats.js';
import type { InboxSink } from './inbox-sink.js';
import type { InboxSources } from './inbox-sources.js';
import { type InboxOfNotices, OwnNotices } from './own-notices.js';

/** What an inbox needs of the process around it. One for all inboxes. */
export interface InboxHost extends InboxSources {
  closed(inbox: InboxStream): void;
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

/**
 * All chats of one user for one consumer, from a position: of each chat the changes while the user is its member, in their order, each
 * once. A join opens the chat here, a removal is its last event. Each chat is a `ChatStream`, so history and live events are joined in
 * one place.
 *
 * This is the inbox from its beginning to its end: it begins anew when the history is replaced, and elsewhere when the token reaches other
 * chats. `InboxChats` has the chats, `OwnNotices` what is of the user alone.
 */
export class InboxStream implements InboxOfChats, InboxOfNotices {
  readonly userId: string;
  private readonly chats: InboxChats;
  private readonly notices: OwnNotices;
  private state: 'new' | 'open' | 'restarting' | 'closed' = 'new';
  /** Joins and removals that were told while the inbox restarts. */
  private readonly early: MemberChange[] = [];
  private readonly viewer: () => Viewer;
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
    this.beginning = beginning;
    this.isReset = isReset;
    this.narrowedTo = chats;
    this.chats = new InboxChats(this, sink, host, { viewer, maxMissed, beginning });
    this.notices = new OwnNotices(this, sink, host);
  }

  /** What the client has now. */
  get position(): string {
    return this.chats.position;
  }

  /** The lowest mark of its own states that the client may lack. */
  get statesFrom(): number {
    return this.chats.statesFrom;
  }

  get isOpen(): boolean {
    return this.state === 'open';
  }

  get isClosed(): boolean {
    return this.state === 'closed';
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

  private begin(beginning: InboxBeginning): void {
    const { snapshot, isInvitationDue } = beginning;
    this.chats.begin(beginning);
    this.statesChanged(snapshot.chats.filter(({ isStateDue }) => isStateDue).map(({ chatId }) => chatId));
    if (isInvitationDue) this.invitationsChanged();
    void this.statesAreUpTo(snapshot.below);
  }

  /** The sink has room again. */
  resume(): void {
    this.chats.resume();
  }

  /** The sink holds no events any more. */
  emptied(): void {
    this.chats.emptied();
  }

  /** Chats in which nothing has come since the last call go to rest. */
  rest(): void {
    if (this.isOpen) this.chats.rest();
  }

  /** As `InboxChats.hearSignals`. */
  hearSignals(chatIds: readonly string[]): Promise<void> {
    return this.chats.hearSignals(chatIds);
  }

  close(): void {
    if (this.isClosed) return;
    this.state = 'closed';
    this.beginning?.watch.end();
    this.chats.close();
    this.host.closed(this);
  }

  /** A join or a removal of the user, perhaps one that is known already. */
  memberChanged(change: MemberChange): void {
    if (this.state === 'restarting') this.early.push(change);
    // Those with lower marks were told before the level was taken.
    if (!this.isOpen || change.mark < this.chats.level || !this.reaches(change.chatId)) return;
    this.chats.memberChanged(change);
  }

  /** As `OwnNotices.statesChanged`. */
  statesChanged(chatIds: readonly string[], ofThreads?: boolean): void {
    this.notices.statesChanged(chatIds, ofThreads);
  }

  /** The user was invited, or an invitation of the user has ended. */
  invitationsChanged(): void {
    this.notices.invitationsChanged();
  }

  /** As `OwnNotices.areUpTo`. */
  statesAreUpTo(below: number): Promise<void> {
    return this.notices.areUpTo(below);
  }

  statesDelivered(below: number): void {
    this.chats.statesDelivered(below);
  }

  /** Whether a new level would make the position shorter. */
  get wantsLevel(): boolean {
    return this.isOpen && this.chats.hasExceptions;
  }

  /** See `InboxProgress.adopt`. A chat at rest that has changed, of which nothing was heard, is opened. */
  adopt(below: number, changed: readonly MarkedHead[], headOf: (chatId: string) => MarkedHead | undefined): void {
    if (this.isOpen) this.chats.adopt(below, changed, headOf);
  }

  /** Whether the viewer's token reaches the chat, as far as the inbox has been told. */
  reaches(chatId: string): boolean {
    return this.narrowedTo?.has(chatId) ?? true;
  }

  get isNarrowed(): boolean {
    return this.narrowedTo !== undefined;
  }

  /**
   * The token was replaced. Chats that the new one does not reach leave the inbox without an event; those that it reaches newly enter as
   * they are now; of the others nothing is missed.
   */
  async reachChanged(): Promise<void> {
    if (!this.isOpen) return;
    try {
      const { chats } = this.viewer();
      const before = this.narrowedTo;
      if (isSameReach(chats, before)) return;
      this.narrowedTo = chats;
      this.state = 'restarting';
      const position = parsePosition(this.position);
      this.chats.pause();
      this.notices.reachChanged();
      const beginning = entering(await this.host.resume(this.userId, position, chats), before);
      if (this.continueWith(beginning)) this.started(beginning);
    } catch (error) {
      this.failed(error);
    }
  }

  /** The history of a chat was replaced, and with it what positions count in. */
  historyReplaced(): void {
    void this.restart();
  }

  private async restart(): Promise<void> {
    if (!this.isOpen) return;
    this.state = 'restarting';
    this.chats.close();
    try {
      this.narrowedTo = this.viewer().chats;
      const beginning = await this.host.beginAnew(this.userId, this.narrowedTo);
      if (!this.continueWith(beginning)) return;
      this.chats.beginHistoryAnew();
      this.sink.reset(this.position);
      this.started(beginning);
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
    this.chats.replaceProgress(beginning);
    this.state = 'open';
    return true;
  }

  private started(beginning: InboxBeginning): void {
    this.begin(beginning);
    for (const change of this.early.splice(0)) this.memberChanged(change);
    // The token may have been replaced since the snapshot.
    void this.reachChanged();
  }

  failed(error: unknown): void {
    if (this.isClosed) return;
    this.host.failed(error);
    this.close();
    this.sink.failed();
  }
}

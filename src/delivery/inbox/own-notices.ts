import type { Invitation } from '../../domain/chats/invitations.js';
import type { ChatState } from '../../domain/mine/chat-states.js';
import type { ChangedState, InboxSink } from './inbox-sink.js';
import type { InboxSources } from './inbox-sources.js';
import { InvitationDelivery, type InvitationReceiver } from './invitation-delivery.js';
import { StateDelivery, type StateReceiver } from './state-delivery.js';

/** The inbox whose user is told of them. */
export interface InboxOfNotices {
  readonly userId: string;
  readonly isOpen: boolean;
  readonly isClosed: boolean;
  /** Whether the viewer's token is narrowed to chats, as far as the inbox has been told. */
  readonly isNarrowed: boolean;
  readonly position: string;
  /** The lowest mark of its own states that the client may lack. */
  readonly statesFrom: number;
  reaches(chatId: string): boolean;
  /** The client has all states and invitations with lower marks. */
  statesDelivered(below: number): void;
}

/** What is of the user alone and not of a chat's log: the user's own states of chats, and invitations. */
export class OwnNotices implements StateReceiver, InvitationReceiver {
  private readonly states = new StateDelivery(this);
  private readonly invitations = new InvitationDelivery(this);

  constructor(
    private readonly inbox: InboxOfNotices,
    private readonly sink: InboxSink,
    private readonly host: Pick<InboxSources, 'states' | 'invitations' | 'failed'>,
  ) {}

  /** The user's own states of these chats have changed. `ofThreads`: and perhaps those of threads in them. */
  statesChanged(chatIds: readonly string[], ofThreads = true): void {
    this.states.add(
      chatIds.filter((chatId) => this.inbox.reaches(chatId)),
      ofThreads,
    );
    void this.states.deliver();
  }

  /** The user was invited, or an invitation of the user has ended. */
  invitationsChanged(): void {
    this.invitations.changed();
  }

  /** Forgets the chats that are out of reach. */
  reachChanged(): void {
    this.states.keep((chatId) => this.inbox.reaches(chatId));
  }

  /** All states and invitations with lower marks were announced by `statesChanged` and `invitationsChanged` before. */
  async areUpTo(below: number): Promise<void> {
    await Promise.all([this.states.deliver(), this.invitations.deliver()]);
    if (!this.states.isDone || !this.invitations.isDone) return;
    this.inbox.statesDelivered(below);
    this.invitations.forget(this.inbox.statesFrom);
  }

  get isClosed(): boolean {
    return this.inbox.isClosed;
  }

  readStates(chatIds: readonly string[]): Promise<ChatState[]> {
    return this.host.states(this.inbox.userId, chatIds);
  }

  takeStates(states: readonly ChangedState[]): boolean {
    const { inbox } = this;
    if (!inbox.isOpen) return false;
    // The token may have been replaced meanwhile.
    for (const changed of states) if (inbox.reaches(changed.state.chatId)) this.sink.state(changed, inbox.position);
    return true;
  }

  statesFailed(error: unknown): void {
    this.host.failed(error);
  }

  readInvitations(): Promise<Invitation[]> {
    const { isNarrowed, userId, statesFrom } = this.inbox;
    // They are of no chat that a narrowed token is for.
    return isNarrowed ? Promise.resolve([]) : this.host.invitations(userId, statesFrom);
  }

  takeInvitations(invitations: readonly Invitation[]): boolean {
    const { inbox } = this;
    if (!inbox.isOpen) return false;
    if (!inbox.isNarrowed) for (const invitation of invitations) this.sink.invitation(invitation, inbox.position);
    return true;
  }

  invitationsFailed(error: unknown): void {
    this.host.failed(error);
  }
}

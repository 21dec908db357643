import type { ChangedState, Gap, InboxSink } from '../../../src/delivery/inbox/inbox-sink.js';
import type { InboxStream } from '../../../src/delivery/inbox/inbox-stream.js';
import type { Invitation } from '../../../src/domain/chats/invitations.js';
import type { ChatEvent } from '../../../src/domain/log/chat-events.js';
import type { ChatState } from '../../../src/domain/mine/chat-states.js';
import { parsePosition } from '../../../src/domain/mine/inbox-position.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { type TestServices, viewerOf } from '../../support/services.js';
import { waitUntil } from '../../support/wait-until.js';

export type Item =
  | { type: 'event'; position: string; chatId: string; seq: number; event: ChatEvent }
  | { type: 'state'; position: string; chatId: string; state: ChatState }
  | { type: 'invitation'; position: string; chatId: string; invitation: Invitation }
  | { type: 'gap'; position: string; chatId: string; after: number; cursor: number }
  | { type: 'live' | 'reset'; position: string; chatId: undefined };

/** A client of one user's inbox, which remembers all that it got and can come back with any position that it had. */
export class RecordingInbox implements InboxSink {
  readonly holdsEvents = false;
  hasRoom = true;
  readonly items: Item[] = [];
  hasFailed = false;
  private stream: InboxStream | undefined;

  constructor(
    private readonly services: TestServices,
    readonly user: UserProfile,
    private readonly maxMissed = 5000,
  ) {}

  /** @param count resumes as if no more than so many items had come; without it from now on */
  async open(count?: number): Promise<this> {
    if (count !== undefined) this.items.length = count;
    const last = this.items.at(-1);
    const viewer = viewerOf(this.user);
    const request = { viewer: () => viewer, maxMissed: this.maxMissed, restarts: true };
    this.stream = await this.services.inboxStreams.open(
      { ...request, ...(last && { after: parsePosition(last.position) }) },
      this,
    );
    // The first position is one to come back with, too.
    if (!last) this.items.push({ type: 'live', position: this.stream.position, chatId: undefined });
    return this;
  }

  close(): void {
    this.stream?.close();
    this.stream = undefined;
  }

  get isOpen(): boolean {
    return this.stream !== undefined;
  }

  resume(): void {
    this.hasRoom = true;
    this.stream?.resume();
  }

  /** The numbers that came of a chat. */
  seqs(chatId: string): number[] {
    return this.items.flatMap((item) => (item.type === 'event' && item.chatId === chatId ? [item.seq] : []));
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    await waitUntil(what, 10_000, condition);
  }

  event(event: ChatEvent, position: string): void {
    this.items.push({ type: 'event', position, chatId: event.chatId, seq: event.seq, event });
  }

  state({ state }: ChangedState, position: string): void {
    this.items.push({ type: 'state', position, chatId: state.chatId, state });
  }

  invitation(invitation: Invitation, position: string): void {
    this.items.push({ type: 'invitation', position, chatId: invitation.chat.id, invitation });
  }

  gap({ chatId, after, cursor }: Gap, position: string): void {
    this.items.push({ type: 'gap', position, chatId, after: after.seq, cursor: cursor.seq });
  }

  live(position: string): void {
    this.items.push({ type: 'live', position, chatId: undefined });
  }

  reset(position: string): void {
    this.items.push({ type: 'reset', position, chatId: undefined });
  }

  failed(): void {
    this.hasFailed = true;
  }

  replace(): void {}
}

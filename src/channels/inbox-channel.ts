import type { ChangedState, Gap, InboxSink } from '../delivery/inbox/inbox-sink.js';
import type { InboxStream } from '../delivery/inbox/inbox-stream.js';
import type { Invitation } from '../domain/chats/invitations.js';
import type { ChatEvent } from '../domain/log/chat-events.js';
import type { UserProfile } from '../domain/profile.js';
import type { ChatSignal } from '../domain/signals.js';
import type { Viewer } from '../domain/viewer.js';
import type { Services } from '../plugins/services.js';
import type { AdmittedToInbox } from '../plugins/streams/admission.js';
import { closeCodes } from '../plugins/websocket/close-codes.js';
import type { Frame } from '../wire/frame.js';
import {
  chatStateFrame,
  gapFrame,
  inboxHelloFrame,
  inboxLiveFrame,
  inboxResetFrame,
  invitationFrame,
} from '../wire/frames.js';
import type { Channel, ChannelSocket } from './channel.js';
import type { FrameEncoding } from './frame-encoding.js';

interface InboxChannelContext {
  services: Pick<Services, 'inboxStreams'>;
  encoding: FrameEncoding;
}

/** All chats of one user on one socket. Each frame of the client names its chat. */
export class InboxChannel implements Channel, InboxSink {
  readonly chatId = undefined;
  /** A delivered event is encoded at once: its bytes are the socket's. */
  readonly holdsEvents = false;
  private readonly user: UserProfile;
  /** Set until `open`. */
  private opening: AdmittedToInbox | undefined;
  private stream: InboxStream | undefined;

  constructor(
    private readonly socket: ChannelSocket,
    admitted: AdmittedToInbox,
    private readonly context: InboxChannelContext,
  ) {
    this.opening = admitted;
    this.user = admitted.user;
  }

  async open(viewer: () => Viewer): Promise<Frame | undefined> {
    const { opening } = this;
    if (!opening) return undefined;
    this.opening = undefined;
    const { after, maxMissed, signals } = opening;
    const request = { viewer, after, maxMissed, restarts: true };
    this.stream = await this.context.services.inboxStreams.open(request, this);
    await this.stream.hearSignals(signals);
    const { position } = this.stream;
    const { heartbeatSeconds } = this.socket;
    return inboxHelloFrame({ user: this.user, position, heartbeatSeconds, expiresAt: viewer().expiresAt });
  }

  resume(): void {
    this.stream?.resume();
  }

  async hearSignals(chatIds: readonly string[]): Promise<void> {
    await this.stream?.hearSignals(chatIds);
  }

  close(): void {
    this.stream?.close();
  }

  /** What the user may read is asked of each chat: memberships, and not a role. But another token may be narrowed to other chats. */
  async checkAccess(): Promise<void> {
    await this.stream?.reachChanged();
  }

  get hasRoom(): boolean {
    return this.socket.hasRoom;
  }

  event(event: ChatEvent, position: string): void {
    this.socket.sendFrame(this.context.encoding.inboxEvent(event, this.user.id, position));
  }

  state(changed: ChangedState, position: string): void {
    this.send(chatStateFrame(changed, position));
  }

  invitation(invitation: Invitation, position: string): void {
    this.send(invitationFrame(invitation, position));
  }

  gap({ chatId, after, cursor }: Gap, position: string): void {
    this.send(gapFrame(chatId, after, cursor, position));
  }

  signal(chatId: string, signal: ChatSignal): void {
    if (this.socket.hasRoom) this.socket.sendFrame(this.context.encoding.inboxSignal(chatId, signal));
  }

  live(position: string): void {
    this.send(inboxLiveFrame(position));
  }

  reset(position: string): void {
    this.send(inboxResetFrame(position));
  }

  failed(): void {
    this.socket.disconnect(closeCodes.internalError);
  }

  replace(): void {}

  private send(frame: Frame): void {
    this.socket.sendFrame(this.context.encoding.frame(frame));
  }
}

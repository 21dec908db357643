import type { PresenceWatch } from '../delivery/presence/presence-watch.js';
import type { Viewer } from '../domain/viewer.js';
import type { Services } from '../plugins/services.js';
import type { Frame } from '../wire/frame.js';
import { presenceOnWire } from '../wire/presence.js';

/** The users whose presence one socket is told. A socket that does not read gets the newest state of each when it has room again. */
export class PresenceFeed {
  private watch: PresenceWatch | undefined;
  private asks = 0;
  /** The newest token of the socket, if it was replaced. */
  private renewedTo: Viewer | undefined;
  private isClosed = false;

  constructor(
    private readonly presences: Pick<Services['presences'], 'watch'>,
    private readonly socket: { readonly hasRoom: boolean },
    private readonly send: (frame: Frame) => void,
  ) {}

  /** Watches these users in place of those before. Answers with the state of all whom the viewer may see. @throws DomainError */
  async ask(viewer: Viewer, userIds: readonly string[]): Promise<void> {
    this.asks += 1;
    const ask = this.asks;
    const watch = await this.presences.watch(viewer, userIds);
    if (this.renewedTo) watch.chats = this.renewedTo.chats;
    // A later frame has asked for others in the meantime.
    const isReplaced = this.isClosed || ask !== this.asks;
    if (isReplaced) watch.close();
    else this.replace(watch);
  }

  /** The socket has another token. */
  renewed(viewer: Viewer): void {
    this.renewedTo = viewer;
    if (this.watch) this.watch.chats = viewer.chats;
  }

  /** The socket has room again. */
  resume(): void {
    const { watch, socket } = this;
    if (watch?.hasWaiting && socket.hasRoom) this.send(presenceOnWire(watch.take()));
  }

  close(): void {
    this.isClosed = true;
    this.watch?.close();
  }

  private replace(watch: PresenceWatch): void {
    this.watch?.close();
    this.watch = watch;
    if (!watch.hasWaiting) this.send(presenceOnWire([]));
    watch.listen(() => this.resume());
  }
}

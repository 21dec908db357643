import type { Presence, PresenceStatus } from '../../domain/presence.js';

/**
 * What one listener is told of the users it asked for. It holds the newest state of each that the listener has not taken, and nothing
 * else, however slow the listener is.
 */
export class PresenceWatch {
  private readonly waiting = new Map<string, Presence>();
  /** By user: the status that was put here last. */
  private readonly told = new Map<string, PresenceStatus>();
  private onWaiting: (() => void) | undefined;
  private isClosed = false;

  /** @param onClose called once */
  constructor(
    readonly viewerId: string,
    readonly userIds: readonly string[],
    /** The chats in which the viewer may meet these users; undefined for all. A renewed token may have others. */
    public chats: ReadonlySet<string> | undefined,
    private readonly onClose: (watch: PresenceWatch) => void,
  ) {}

  /** Calls `onWaiting` now, if something waits, and whenever something comes. */
  listen(onWaiting: () => void): void {
    this.onWaiting = onWaiting;
    if (this.hasWaiting) onWaiting();
  }

  /** Puts these states, in place of older ones. */
  put(presences: readonly Presence[]): void {
    if (this.isClosed || presences.length === 0) return;
    for (const presence of presences) {
      this.told.set(presence.userId, presence.status);
      this.waiting.set(presence.userId, presence);
    }
    this.onWaiting?.();
  }

  /** Whether the listener was told another status than this, or none. */
  isNews({ userId, status }: Presence): boolean {
    return this.told.get(userId) !== status;
  }

  get hasWaiting(): boolean {
    return this.waiting.size > 0;
  }

  /** All that waits, each user once. */
  take(): Presence[] {
    const taken = [...this.waiting.values()];
    this.waiting.clear();
    return taken;
  }

  /** The state of one user, the one that has waited longest; undefined when nothing waits. */
  takeOne(): Presence | undefined {
    for (const [userId, presence] of this.waiting) {
      this.waiting.delete(userId);
      return presence;
    }
    return undefined;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.waiting.clear();
    this.onClose(this);
  }
}

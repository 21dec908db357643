import type { Presence, PresenceStatus } from '../../domain/presence.js';
import { isSameReach, type Reach } from '../../domain/viewer.js';

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

  /**
   * @param onClose called once
   * @param onUntold called with users whose state is to be asked anew
   */
  constructor(
    readonly viewerId: string,
    readonly userIds: readonly string[],
    private reach: Reach,
    private readonly onClose: (watch: PresenceWatch) => void,
    private readonly onUntold: (watch: PresenceWatch, userIds: readonly string[]) => void = () => {},
  ) {}

  /** The chats in which the viewer may meet these users; undefined for all. */
  get chats(): Reach {
    return this.reach;
  }

  /** A renewed token may have others. What waits was found with those before: it is asked anew. */
  set chats(chats: Reach) {
    if (isSameReach(this.reach, chats)) return;
    this.reach = chats;
    const untold = [...this.waiting.keys()];
    this.waiting.clear();
    this.untold(untold);
  }

  /** These states are not told: they are asked anew. */
  untold(userIds: readonly string[]): void {
    if (this.isClosed || userIds.length === 0) return;
    for (const userId of userIds) this.told.delete(userId);
    this.onUntold(this, userIds);
  }

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

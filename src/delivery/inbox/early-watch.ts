import type { ChatFeed } from '../chat-feed.js';
import type { ChatWatcher, Hub } from '../hub.js';

/**
 * Watches the chats of an inbox from before its snapshot is taken until the inbox watches them itself, so that it misses nothing that
 * is committed after the snapshot. The feed of a chat that changes meanwhile is held: it has the event.
 */
export class EarlyWatch implements ChatWatcher {
  private readonly changedIds = new Set<string>();
  private readonly feeds: Promise<ChatFeed>[] = [];
  private readonly chatIds: ReadonlySet<string>;

  private constructor(
    private readonly hub: Hub,
    chatIds: readonly string[],
  ) {
    this.chatIds = new Set(chatIds);
  }

  static async begin(hub: Hub, chatIds: readonly string[]): Promise<EarlyWatch> {
    const watch = new EarlyWatch(hub, chatIds);
    await hub.watch(chatIds, watch);
    return watch;
  }

  changed(chatId: string): void {
    this.changedIds.add(chatId);
    this.feeds.push(this.hub.acquire(chatId));
  }

  /** Whether nothing has come of the chat since the watch began. */
  isQuiet(chatId: string): boolean {
    return this.isWatched(chatId) && !this.changedIds.has(chatId);
  }

  /** False for a chat that the user has joined since. */
  isWatched(chatId: string): boolean {
    return this.chatIds.has(chatId);
  }

  end(): void {
    this.hub.unwatch(this.chatIds, this);
    for (const feed of this.feeds.splice(0)) void feed.then((each) => this.hub.release(each));
  }
}

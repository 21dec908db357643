import type { Acquaintance, Acquaintances, AskedUser } from '../../domain/chats/acquaintances.js';
import { Multimap } from '../../domain/multimap.js';
import type { Presence } from '../../domain/presence.js';
import type { PresenceWatch } from './presence-watch.js';

export interface WatchesOptions {
  acquaintances: Pick<Acquaintances, 'find'>;
  /** The user's presence now, as the viewer may see it. */
  presenceOf: (asked: AskedUser, known: Acquaintance) => Presence;
  onError: (error: unknown, doing: string) => void;
}

/** Pairs of a viewer and a user in one query. */
const MAX_BATCH = 1000;

/**
 * Tells the watches of this process what has changed. Before each batch it asks anew who shares a chat with whom, so nobody is told of
 * a user with whom they share none any more. What cannot be asked now is told at a later batch, as it is then.
 */
export class Watches {
  private readonly byUser = new Multimap<PresenceWatch>();
  /** Users of each watch who have changed. */
  private readonly due = new Map<PresenceWatch, Set<string>>();
  private isTelling = false;

  constructor(private readonly options: WatchesOptions) {}

  opened(watch: PresenceWatch): void {
    for (const userId of watch.userIds) this.byUser.add(userId, watch);
  }

  closed(watch: PresenceWatch): void {
    for (const userId of watch.userIds) this.byUser.delete(userId, watch);
    this.due.delete(watch);
  }

  /** This user's presence has changed. */
  changed(userId: string): void {
    for (const watch of this.byUser.get(userId)) this.untold(watch, [userId]);
  }

  /** What this watch is told of these users is asked at the next batch. */
  untold(watch: PresenceWatch, userIds: readonly string[]): void {
    const users = this.due.get(watch) ?? new Set();
    for (const userId of userIds) users.add(userId);
    this.due.set(watch, users);
  }

  /** Tells all that is due, in as many batches as it takes. */
  async tell(): Promise<void> {
    if (this.isTelling) return;
    this.isTelling = true;
    try {
      for (let batch = this.nextBatch(); batch.length > 0; batch = this.nextBatch()) await this.tellBatch(batch);
    } catch (error) {
      this.options.onError(error, 'read who shares a chat with whom');
    } finally {
      this.isTelling = false;
    }
  }

  /** Users who are watched. */
  get size(): number {
    return this.byUser.size;
  }

  private nextBatch(): (AskedUser & { watch: PresenceWatch })[] {
    const batch: (AskedUser & { watch: PresenceWatch })[] = [];
    for (const [watch, users] of this.due) {
      for (const userId of users) {
        if (batch.length >= MAX_BATCH) return batch;
        users.delete(userId);
        batch.push({ watch, viewerId: watch.viewerId, userId, chats: watch.chats });
      }
      this.due.delete(watch);
    }
    return batch;
  }

  private async tellBatch(batch: readonly (AskedUser & { watch: PresenceWatch })[]): Promise<void> {
    const found = await this.options.acquaintances.find(batch).catch((error: unknown) => {
      for (const { userId } of batch) this.changed(userId);
      throw error;
    });
    const news = new Map<PresenceWatch, Presence[]>();
    const shown = new Map<string, Presence>();
    for (const [index, asked] of batch.entries()) {
      const known = found[index];
      // The token was replaced during the query.
      if (asked.watch.chats !== asked.chats) asked.watch.untold([asked.userId]);
      if (!known || asked.watch.chats !== asked.chats) continue;
      // One object for all who are shown the same.
      const isSelf = asked.viewerId === asked.userId;
      const presence = (isSelf ? undefined : shown.get(asked.userId)) ?? this.options.presenceOf(asked, known);
      if (!isSelf) shown.set(asked.userId, presence);
      if (!asked.watch.isNews(presence)) continue;
      const ofWatch = news.get(asked.watch);
      if (ofWatch) ofWatch.push(presence);
      else news.set(asked.watch, [presence]);
    }
    for (const [watch, presences] of news) watch.put(presences);
  }
}

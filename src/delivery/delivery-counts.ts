import { Distribution, Tally } from '../domain/counts.js';

/**
 * Why a feed read missing events from the log: `gap` when a later event had come, `unreadable` when one had come in a form that is not
 * understood, `probe` when the database's head was ahead of the feed.
 */
export type RepairCause = 'gap' | 'unreadable' | 'probe';

/** What the delivery of this process has done since its start, for the metrics. */
export class DeliveryCounts {
  /** Events that this process committed and announced. */
  announced = 0;
  /** Announcements that did not reach the bus. */
  unpublished = 0;
  /** How often payloads of other processes may have been lost, because the connection to the bus was made anew. */
  busResets = 0;
  /** Events handed to streams: one event to 1,000 listeners counts 1,000. */
  delivered = 0;
  /** Chats whose history was replaced while somebody listened to them. */
  replacedHistories = 0;
  readonly repairs = new Tally<RepairCause>(['gap', 'unreadable', 'probe']);
  /** Events that were announced in one turn, which is how many one statement wrote. */
  readonly announcedTogether = new Distribution([1, 2, 5, 10, 20, 50, 100, 200]);
  private inThisTurn = 0;

  /** Counts an announced event. */
  announce(): void {
    this.announced += 1;
    if (this.inThisTurn === 0) queueMicrotask(this.endTurn);
    this.inThisTurn += 1;
  }

  private readonly endTurn = (): void => {
    this.announcedTogether.record(this.inThisTurn);
    this.inThisTurn = 0;
  };
}

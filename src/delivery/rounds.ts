/** Has something to do in the next round. */
export interface Due {
  flush(): void;
}

export interface Writer extends Due {
  /** When the round of its last write began, by `performance.now()`; before the first -Infinity. The rounds keep it. */
  wroteAt: number;
}

/** The longest that a round may be put off when the process is busy, in milliseconds. */
const MAX_WINDOW_MS = 15;
/** Who wrote less than so long ago and writes again might have written once. Milliseconds. */
const AGAIN_MS = 100;
/** So many listeners of a lone feed are handed its changes before they write. */
const HANDED_TOGETHER = 128;

/**
 * One per process: what happens in one turn of the event loop is handed out and written once, at the end of it. First the
 * feeds hand what came to their listeners, then each socket writes what it got from all of them. To touch a listener and to
 * write to a socket cost microseconds, however much it is that they get.
 *
 * Before a lone feed, what is due already leaves by itself: it may have a thousand listeners, and an acknowledgement is among
 * it. The listeners write a few at a time, so that the first do not wait until the last has been handed its changes. Where
 * there are many feeds, an acknowledgement and the sender's own copy rather share a write.
 *
 * A round is followed by a window in which more comes together: eight frames in a write and not four, at a thousand sockets
 * of one chat, and the messages arrive in half the time because of it. The window is as long as the round took, when all who
 * wrote in it write again and again; the fewer of them do, the less there is to join and the shorter it is. A process with
 * little to do has short rounds, and whoever speaks less often than rounds take waits for nothing.
 */
export class Rounds {
  private feeds: Due[] = [];
  private writers: Writer[] = [];
  private isDue = false;
  private isLoneFeed = false;
  private startedAt = 0;
  private notBefore = 0;
  /** This round's writes, and those of them to sockets that had been written to a moment ago. */
  private writes = 0;
  private repeated = 0;
  /** The part of the writes that were repeated in the last round that wrote. */
  private share = 0;

  addFeed(feed: Due): void {
    this.feeds.push(feed);
    this.beDue();
  }

  addWriter(writer: Writer): void {
    this.writers.push(writer);
    if (this.isLoneFeed && this.writers.length >= HANDED_TOGETHER) this.write();
    this.beDue();
  }

  private beDue(): void {
    if (this.isDue) return;
    this.isDue = true;
    const wait = this.notBefore - performance.now();
    // Timers have whole milliseconds.
    if (wait >= 1) setTimeout(() => this.run(), wait);
    else setImmediate(() => this.run());
  }

  private run(): void {
    this.startedAt = performance.now();
    this.writes = 0;
    this.repeated = 0;
    if (this.feeds.length === 1) this.write();
    this.handOut();
    this.write();
    this.isDue = false;
    const endedAt = performance.now();
    if (this.writes > 0) this.share = this.repeated / this.writes;
    this.notBefore = endedAt + Math.min((endedAt - this.startedAt) * this.share, MAX_WINDOW_MS);
    // What came while the others were writing.
    if (this.feeds.length > 0 || this.writers.length > 0) this.beDue();
  }

  private handOut(): void {
    const { feeds } = this;
    this.feeds = [];
    this.isLoneFeed = feeds.length === 1;
    for (const feed of feeds) feed.flush();
    this.isLoneFeed = false;
  }

  private write(): void {
    const { writers } = this;
    this.writers = [];
    this.writes += writers.length;
    for (const writer of writers) {
      if (this.startedAt - writer.wroteAt < AGAIN_MS) this.repeated += 1;
      writer.wroteAt = this.startedAt;
      writer.flush();
    }
  }
}

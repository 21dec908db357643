/** Has something to write in the next round. */
export interface Writer {
  flush(): void;
}

/** Has changes to hand out in the next round. */
export interface Feed {
  /** Hands them out. Returns how many have come since it did so last. */
  flush(): number;
}

/** The longest that a round may be put off when the process is busy, in milliseconds. */
const MAX_WINDOW_MS = 15;
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
 * Where several changes came for one feed, a round is followed by a window as long as it took, in which more come together:
 * eight frames in a write and not four, at a thousand sockets of one chat, and the messages arrive in half the time because
 * of it. Many chats that have one change each have nothing to join, and would only wait. A process with little to do has short
 * rounds, and whoever speaks less often than rounds take waits for nothing.
 */
export class Rounds {
  private feeds: Feed[] = [];
  private writers: Writer[] = [];
  private isDue = false;
  private isLoneFeed = false;
  private notBefore = 0;
  /** How many others a change came with for its feed, on average, when feeds were handed out last; 1 stands for more. */
  private company = 0;

  addFeed(feed: Feed): void {
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
    const startedAt = performance.now();
    if (this.feeds.length === 1) this.write();
    if (this.feeds.length > 0) this.handOut();
    this.write();
    this.isDue = false;
    const endedAt = performance.now();
    this.notBefore = endedAt + Math.min((endedAt - startedAt) * this.company, MAX_WINDOW_MS);
    // What came while the others were writing.
    if (this.feeds.length > 0 || this.writers.length > 0) this.beDue();
  }

  private handOut(): void {
    const { feeds } = this;
    this.feeds = [];
    this.isLoneFeed = feeds.length === 1;
    let changes = 0;
    for (const feed of feeds) changes += feed.flush();
    this.isLoneFeed = false;
    this.company = Math.min(1, changes / feeds.length - 1);
  }

  private write(): void {
    const { writers } = this;
    this.writers = [];
    for (const writer of writers) writer.flush();
  }
}

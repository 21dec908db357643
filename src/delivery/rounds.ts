/** Has something to do in the next round. */
export interface Due {
  flush(): void;
}

/** The longest that a round may be put off when the process is busy, in milliseconds. */
const MAX_WINDOW_MS = 15;

/**
 * One per process: what happens in one turn of the event loop is handed out and written once, at the end of it. First the
 * feeds hand what came to their listeners, then each socket writes what it got from all of them. To touch a listener and to
 * write to a socket cost microseconds, however much it is that they get.
 *
 * Before a lone feed, what is due already leaves by itself: it may have a thousand listeners, and an acknowledgement is among
 * it. Where there are many feeds, an acknowledgement and the sender's own copy rather share a write.
 *
 * A round is followed by a window as long as it took, in which more comes together: eight frames in a write and not four, at
 * a thousand sockets, and the messages arrive in half the time because of it. A process with little to do has short rounds,
 * and whoever speaks less often than rounds take waits for nothing.
 */
export class Rounds {
  private feeds: Due[] = [];
  private writers: Due[] = [];
  private isDue = false;
  private notBefore = 0;

  addFeed(feed: Due): void {
    this.feeds.push(feed);
    this.beDue();
  }

  addWriter(writer: Due): void {
    this.writers.push(writer);
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
    this.handOut();
    this.write();
    this.isDue = false;
    const endedAt = performance.now();
    this.notBefore = endedAt + Math.min(endedAt - startedAt, MAX_WINDOW_MS);
    // One that came while the others were writing.
    if (this.feeds.length > 0) this.beDue();
  }

  private handOut(): void {
    for (const feed of this.feeds) feed.flush();
    this.feeds = [];
  }

  private write(): void {
    for (const writer of this.writers) writer.flush();
    this.writers = [];
  }
}

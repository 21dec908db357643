/** Has something to write in the next round. */
export interface Writer {
  flush(): void;
}

/** Has changes to hand out in the next round. */
export interface Feed {
  /** Kept by the rounds: whether it has its place in the next one. */
  isDue: boolean;
  flush(): void;
}

/** The longest that a round may be put off when the process is busy, in milliseconds. */
const MAX_WINDOW_MS = 15;
/** Each of so many windows lasts to its end, to see whether more come together than was usual. */
const WINDOWS_TO_A_FULL_ONE = 16;
/** What is left of the usual number of changes after a round with fewer. */
const FADING = 0.98;
/** What one round counts in the average of them. */
const WEIGHT = 0.25;
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
 * Where several changes came for one feed of late, what comes soon after a round waits for others, at most as long as that
 * round took: eight frames in a write and not four, at a thousand sockets of one chat, and the messages arrive in half the
 * time because of it. Many chats that have one change each have nothing to join, and would only wait. A process with little
 * to do has short rounds, and whoever speaks less often than rounds take waits for nothing.
 *
 * The window ends early when as many changes have come as usual: senders who wait for their answers before they go on send
 * nothing more in it. Half as many messages again, with eight of them under way at a thousand sockets.
 */
export class Rounds {
  private feeds: Feed[] = [];
  private writers: Writer[] = [];
  private isDue = false;
  private isLoneFeed = false;
  private window: NodeJS.Timeout | undefined;
  private windows = 0;
  /** How long what comes now would wait for others, in milliseconds, and until when it would. */
  private windowMs = 0;
  private busyUntil = 0;
  /** Changes that came since the last round. */
  private changes = 0;
  /** The most that came for one round lately. */
  private usual = 0;
  /** How many others a change comes with for its feed, 1 standing for more: the average of the rounds, the last the most. */
  private company = 0;

  /** A change came for the feed. */
  addChange(feed: Feed): void {
    if (!feed.isDue) {
      feed.isDue = true;
      this.feeds.push(feed);
    }
    this.changes += 1;
    this.beDue();
    if (this.window && this.hasEnough) this.endWindow(this.window);
  }

  addWriter(writer: Writer): void {
    this.writers.push(writer);
    if (this.isLoneFeed && this.writers.length >= HANDED_TOGETHER) this.write();
    this.beDue();
  }

  private beDue(): void {
    if (this.isDue) return;
    this.isDue = true;
    // Timers have whole milliseconds.
    if (this.windowMs < 1 || performance.now() >= this.busyUntil) {
      setImmediate(() => this.run());
    } else {
      this.windows += 1;
      this.window = setTimeout(() => this.run(), this.windowMs);
    }
  }

  private get hasEnough(): boolean {
    return this.changes >= this.usual && this.windows % WINDOWS_TO_A_FULL_ONE !== 0;
  }

  private endWindow(window: NodeJS.Timeout): void {
    clearTimeout(window);
    this.window = undefined;
    setImmediate(() => this.run());
  }

  private run(): void {
    this.window = undefined;
    if (this.feeds.length === 1) this.write();
    if (this.feeds.length > 0) this.handOut();
    else this.write();
    this.isDue = false;
    // What came while the others were writing.
    if (this.feeds.length > 0 || this.writers.length > 0) this.beDue();
  }

  /** Hands changes out and has them written, and learns from it how long the next ones should wait for others. */
  private handOut(): void {
    const { feeds, changes } = this;
    const startedAt = performance.now();
    this.feeds = [];
    this.changes = 0;
    this.isLoneFeed = feeds.length === 1;
    for (const feed of feeds) {
      feed.isDue = false;
      feed.flush();
    }
    this.isLoneFeed = false;
    this.write();
    const endedAt = performance.now();
    this.usual = Math.max(changes, this.usual * FADING);
    this.company += WEIGHT * (Math.min(1, changes / feeds.length - 1) - this.company);
    this.windowMs = Math.min((endedAt - startedAt) * this.company, MAX_WINDOW_MS);
    this.busyUntil = endedAt + 2 * this.windowMs;
  }

  private write(): void {
    const { writers } = this;
    this.writers = [];
    for (const writer of writers) writer.flush();
  }
}

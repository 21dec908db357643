import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { createClient } from 'redis';
import { within } from '../domain/within.js';

/** How often the server is pinged, and how long it has to answer. Milliseconds. */
const PING_INTERVAL_MS = 500;
const PING_TIMEOUT_MS = 1000;

/**
 * A connection to Redis that detects within 1.5 s a server that hangs with its connections open (SIGSTOP, a cut cable), fails
 * the commands that wait for it, and reconnects. The client's own `socketTimeout` cannot: it is an idle timer, which every
 * command written restarts. It is set to end a handshake that hangs, during which nothing else is written.
 *
 * Commands are not queued while Redis is away: they fail at once.
 */
export class RedisConnection {
  readonly client: ReturnType<typeof connectable>;
  private readonly ending = new AbortController();

  constructor(
    url: string,
    /** Called for each lost connection, which is retried. Not called for one that `destroy` or `close` ends. */
    private readonly onError: (error: Error) => void,
  ) {
    this.client = connectable(url);
    this.client.on('error', this.report);
  }

  /** Resolves when connected for the first time. Called once. */
  async connect(): Promise<void> {
    const connected = this.client.connect();
    void this.watch();
    await connected;
  }

  /** Ends the connection and fails the commands that wait for it. */
  destroy(): void {
    this.ending.abort();
    if (this.client.isOpen) this.client.destroy();
  }

  /** Ends the connection when all commands sent before are answered, or after `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    this.ending.abort();
    if (this.client.isReady) await within(timeoutMs, this.client.close());
    if (this.client.isOpen) this.client.destroy();
  }

  private readonly report = (error: Error): void => {
    if (!this.ending.signal.aborted) this.onError(error);
  };

  /** One loop for the connection's whole life: two concurrent calls of `connect` would open two sockets for one client. */
  private async watch(): Promise<void> {
    const { client } = this;
    const { signal } = this.ending;
    while (!signal.aborted) {
      await pause(PING_INTERVAL_MS, undefined, { ref: false, signal }).catch(() => {});
      // A client that is not ready is reconnecting already.
      if (signal.aborted || !client.isReady || !(await this.hangs())) continue;
      if (signal.aborted || !client.isReady) continue;
      client.destroy();
      this.report(new Error(`Redis did not answer within ${PING_TIMEOUT_MS} ms; reconnecting.`));
      // Retries until it succeeds; only `destroy` makes it fail.
      await client.connect().catch(this.report);
    }
  }

  private async hangs(): Promise<boolean> {
    let isSettled = false;
    // A failed ping means that the connection broke, which the client has noticed itself.
    const settle = () => {
      isSettled = true;
    };
    const settled = this.client.ping().then(settle, settle);
    await within(PING_TIMEOUT_MS, settled);
    // After a long turn of this event loop the timer fires before an answer that has arrived is read: let it be read.
    for (let turn = 0; turn < 2 && !isSettled; turn += 1) await nextTurn();
    return !isSettled;
  }
}

function connectable(url: string) {
  return createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: 10_000,
    // A time limit per command costs a signal and a timer, a tenth of the cost of sending a message. `watch` has one for all.
    commandOptions: { timeout: 0 },
    socket: {
      connectTimeout: 2000,
      socketTimeout: 3000,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, 1000) + Math.floor(Math.random() * 50),
    },
  });
}

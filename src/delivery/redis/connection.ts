import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { createClient } from 'redis';
import { within } from '../../domain/within.js';
import type { RedisAccess, RedisAddress } from './target.js';

/** How often the server is asked, and how long it has to answer. Milliseconds. */
const ASK_INTERVAL_MS = 500;
const ASK_TIMEOUT_MS = 1000;
const CONNECT_TIMEOUT_MS = 2000;

export type RedisClient = ReturnType<typeof createRedisClient>;

/** One server, and how to sign in there. */
export interface RedisServer extends RedisAccess {
  readonly address: RedisAddress;
  readonly database?: number;
}

export interface RedisConnectionOptions {
  /** The server to connect to, asked for before every attempt. Takes a bounded time. */
  locate: () => RedisServer | Promise<RedisServer>;
  /** Whether the connection may be used, asked before it is. A rejection is why not. */
  admit?: (client: RedisClient) => Promise<void>;
  /** Asked every half second in place of a ping. After a rejection the connection is made anew. */
  ask?: (client: RedisClient) => Promise<unknown>;
  /** The connection was made, for the first time or anew. It knows of no subscriptions. */
  onReady?: (client: RedisClient) => void;
  /** Called for a lost connection and for attempts that fail in another way than the one before. The connection is retried. */
  onError: (error: Error) => void;
}

/** There is no connection to Redis at the moment. */
export class RedisAwayError extends Error {
  override readonly name = 'RedisAwayError';

  constructor() {
    super('There is no connection to Redis.');
  }
}

/**
 * A connection to Redis that is made anew for as long as it is wanted. It detects within 1.5 s a server that hangs with its connections
 * open (SIGSTOP, a cut cable), and then fails the commands that wait for it. The client's own `socketTimeout` cannot: it is an idle
 * timer, which every command written restarts. It is set to end a handshake that hangs, during which nothing else is written.
 *
 * Commands are not queued while Redis is away: they fail at once. Each connection is a client of its own, so that nothing of a former
 * one, such as its subscriptions, comes back.
 */
export class RedisConnection {
  private current: RedisClient | undefined;
  private kept: Promise<void> | undefined;
  private readonly ending = new AbortController();
  private lastReported: string | undefined;
  private wake = () => {};
  private lose: (reason: Error) => void = () => {};

  constructor(private readonly options: RedisConnectionOptions) {}

  /** The client, while it is connected. */
  get client(): RedisClient | undefined {
    return this.current?.isReady ? this.current : undefined;
  }

  /** Resolves when connected for the first time, or when the connection was ended before. Called once. */
  connect(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
      this.kept = this.keep().finally(resolve);
    });
  }

  /** Makes the connection anew, because what it brings is no longer believed. */
  renew(reason: Error): void {
    this.current = undefined;
    this.lose(reason);
  }

  /** Resolves when the server answers within so many milliseconds. */
  async check(timeoutMs: number): Promise<void> {
    const { client } = this;
    if (!client) throw new RedisAwayError();
    if (!(await within(timeoutMs, client.ping()))) throw new Error('Redis does not answer.');
  }

  /** Ends the connection and fails the commands that wait for it. */
  destroy(): void {
    this.ending.abort();
    discard(this.current);
    this.current = undefined;
  }

  /** Ends the connection when all commands sent before are answered, or after `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    this.ending.abort();
    if (this.client) await within(timeoutMs, this.client.close());
    this.destroy();
    await within(timeoutMs, this.kept ?? Promise.resolve());
  }

  private async keep(): Promise<void> {
    const { signal } = this.ending;
    for (let failures = 0; !signal.aborted; failures += 1) {
      if (await this.use()) failures = 0;
      const pauseMs = Math.min(50 * 2 ** failures, 1000) + Math.floor(Math.random() * 50);
      if (!signal.aborted) await pause(pauseMs, undefined, { ref: false, signal }).catch(() => {});
    }
  }

  /** One connection from its beginning to its end. Resolves to whether it was made. */
  private async use(): Promise<boolean> {
    let client: RedisClient | undefined;
    let isMade = false;
    try {
      const opened = createRedisClient(await this.options.locate());
      client = opened;
      const broken = new Promise<Error>((resolve) => {
        this.lose = resolve;
        opened.on('error', resolve);
      });
      await this.open(opened);
      if (this.ending.signal.aborted) return false;
      isMade = true;
      await this.serve(opened, broken);
    } catch (error) {
      this.report(error instanceof Error ? error : new Error(String(error)));
    } finally {
      discard(client);
    }
    return isMade;
  }

  private async open(client: RedisClient): Promise<void> {
    const opened = client
      .connect()
      .then(() => this.options.admit?.(client))
      .then(() => true);
    if (await within(CONNECT_TIMEOUT_MS, opened)) return;
    throw new Error(`Redis did not answer within ${CONNECT_TIMEOUT_MS} ms; connecting again.`);
  }

  /** Resolves when the connection is ended. @throws the reason for which it was lost */
  private async serve(client: RedisClient, broken: Promise<Error>): Promise<void> {
    this.current = client;
    this.lastReported = undefined;
    this.options.onReady?.(client);
    this.wake();
    const watching = new AbortController();
    const ended = new Promise<undefined>((resolve) => {
      client.once('end', resolve);
    });
    try {
      const error = await Promise.race([broken, ended, this.watch(client, watching.signal)]);
      if (error) throw error;
    } finally {
      watching.abort();
      if (this.current === client) this.current = undefined;
    }
  }

  /** Resolves to the reason for which the connection is not to be used any more. */
  private async watch(client: RedisClient, ended: AbortSignal): Promise<Error | undefined> {
    while (!ended.aborted) {
      await pause(ASK_INTERVAL_MS, undefined, { ref: false, signal: ended }).catch(() => {});
      if (ended.aborted) return undefined;
      const problem = await this.problemOf(client);
      if (problem) return problem;
    }
    return undefined;
  }

  private async problemOf(client: RedisClient): Promise<Error | undefined> {
    let answer: { error: Error | undefined } | undefined;
    const asked = (this.options.ask?.(client) ?? client.ping()).then(
      () => {
        answer = { error: undefined };
      },
      (error: Error) => {
        answer = { error };
      },
    );
    await within(ASK_TIMEOUT_MS, asked);
    // After a long turn of this event loop the timer fires before an answer that has arrived is read: let it be read.
    for (let turn = 0; turn < 2 && !answer; turn += 1) await nextTurn();
    if (!answer) return new Error(`Redis did not answer within ${ASK_TIMEOUT_MS} ms; reconnecting.`);
    return answer.error;
  }

  private report(error: Error): void {
    if (this.ending.signal.aborted || error.message === this.lastReported) return;
    this.lastReported = error.message;
    this.options.onError(error);
  }
}

const OPTIONS = {
  disableOfflineQueue: true,
  commandsQueueMaxLength: 10_000,
  // A time limit per command costs a signal and a timer, a tenth of the cost of sending a message. `watch` has one for all.
  commandOptions: { timeout: 0 },
};
/** Never connected. `createClient` makes a class for each address, in ten milliseconds; a duplicate has the class of its original. */
const original = createClient(OPTIONS);

/** A client that tries once. Errors are both emitted and thrown. */
export function createRedisClient({ address, username, password, isTls, database }: RedisServer): typeof original {
  return original.duplicate({
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    socket: {
      host: address.host,
      port: address.port,
      ...(isTls && { tls: true as const }),
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: 3000,
      reconnectStrategy: false,
    },
  });
}

/** Ends a client, whatever state it is in. */
export function discard(client: RedisClient | undefined): void {
  client?.destroy();
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Change, StreamEdge } from '../entries.js';
import type { Journal } from '../journal.js';
import type { Random } from '../random.js';
import type { TcpProxy } from '../tcp-proxy.js';
import type { Chat, User } from '../world.js';
import { openEventStream } from './event-stream.js';
import { openGraphqlStream } from './graphql-stream.js';
import { openRawStream } from './raw-stream.js';
import type { OpenStream } from './streams.js';

export interface ListenerOptions {
  name: string;
  user: User;
  chat: Chat;
  /** The transports that it comes back over in turn. */
  edges: readonly [StreamEdge, ...StreamEdge[]];
  /** The services' ports. */
  ports: readonly number[];
  /** The service to begin with. */
  service: number;
  /** Null: what happens from now on. GraphQL does not say where that is. */
  after: string | null;
  /** Stands between the listener and whichever service it is at. */
  proxy?: TcpProxy | undefined;
  journal: Journal;
  random: Random;
  /** A number that no other connection has. */
  nextConnection: () => number;
}

/** How long a listener waits before it comes back, in milliseconds. */
const RETURN_MS = 150;

const OPENERS: Record<StreamEdge, OpenStream> = {
  raw: openRawStream,
  graphql: openGraphqlStream,
  sse: openEventStream,
};

/**
 * Listens to one chat, keeps its cursor, and comes back with it, to the other service and over its next transport, whenever its
 * connection ends.
 */
export class Listener {
  private cursor: string | null;
  private stopped = false;
  private service: number;
  private turn = 0;
  private end: () => void = () => {};
  private waiting: { seq: number; tell: () => void }[] = [];

  constructor(private readonly options: ListenerOptions) {
    this.cursor = options.after;
    this.service = options.service;
  }

  get name(): string {
    return this.options.name;
  }

  get chat(): Chat {
    return this.options.chat;
  }

  get user(): User {
    return this.options.user;
  }

  get proxy(): TcpProxy | undefined {
    return this.options.proxy;
  }

  /** The number of the last change that it saw, or started from; -1 for one that is not in yet. */
  get seq(): number {
    return this.cursor === null ? -1 : Number(this.cursor.split(':')[1]);
  }

  start(): void {
    void this.connect();
  }

  stop(): void {
    this.stopped = true;
    this.end();
  }

  /** Resolves to whether it has seen `seq` within `boundMs`. */
  async reaches(seq: number, boundMs: number): Promise<boolean> {
    if (this.seq >= seq) return true;
    const bound = new AbortController();
    const reached = new Promise<void>((resolve) => this.waiting.push({ seq, tell: resolve }));
    const isLate = sleep(boundMs, true, { signal: bound.signal }).catch(() => true);
    await Promise.race([reached, isLate]);
    bound.abort();
    return this.seq >= seq;
  }

  private async connect(): Promise<void> {
    while (!this.stopped) {
      await this.listen();
      await sleep(RETURN_MS * (0.5 + this.options.random.next()));
      this.service = (this.service + 1) % this.options.ports.length;
      this.turn += 1;
    }
  }

  /** Resolves when the connection has ended. */
  private listen(): Promise<void> {
    const { name, user, chat, edges, ports, proxy, journal } = this.options;
    const edge = edges[this.turn % edges.length] ?? edges[0];
    const { service, cursor: after } = this;
    const connection = this.options.nextConnection();
    const servicePort = ports[service] ?? 0;
    proxy?.retarget({ port: servicePort });
    journal.write({
      type: 'stream.opened',
      connection,
      listener: name,
      user: user.id,
      chat: chat.id,
      edge,
      service,
      after,
    });
    return new Promise((resolve) => {
      const close = OPENERS[edge](
        { port: proxy?.port ?? servicePort, chat, user, after },
        {
          started: (cursor) => {
            journal.write({ type: 'stream.started', connection, cursor });
            this.cursor ??= cursor;
          },
          event: (cursor, change) => {
            journal.write({ type: 'stream.event', connection, cursor, ...change });
            this.moved(cursor, change);
          },
          live: (cursor) => journal.write({ type: 'stream.live', connection, cursor }),
          reset: (cursor) => {
            journal.write({ type: 'stream.reset', connection, cursor });
            this.cursor = cursor;
          },
          refused: (code) => {
            journal.write({ type: 'stream.refused', connection, code });
            resolve();
          },
          closed: (code, reason) => {
            journal.write({ type: 'stream.closed', connection, code, reason });
            resolve();
          },
        },
      );
      this.end = () => {
        close();
        resolve();
      };
    });
  }

  private moved(cursor: string, { seq }: Change): void {
    this.cursor = cursor;
    const reached = this.waiting.filter((waiter) => waiter.seq <= seq);
    if (reached.length === 0) return;
    this.waiting = this.waiting.filter((waiter) => waiter.seq > seq);
    for (const { tell } of reached) tell();
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Change, StreamEdge } from '../entries.js';
import type { Journal } from '../journal.js';
import type { Chat, User } from '../world.js';
import { openEventStream } from './event-stream.js';
import { openGraphqlStream } from './graphql-stream.js';
import { openRawStream } from './raw-stream.js';
import { type Place, ReturningClient, type ReturningOptions } from './returning-client.js';
import type { OpenStream } from './streams.js';

export interface ListenerOptions extends ReturningOptions {
  user: User;
  chat: Chat;
  /** The transports that it comes back over in turn. */
  edges: readonly [StreamEdge, ...StreamEdge[]];
  /** Null: what happens from now on. GraphQL does not say where that is. */
  after: string | null;
  journal: Journal;
  /** A number that no other connection has. */
  nextConnection: () => number;
}

const OPENERS: Record<StreamEdge, OpenStream> = {
  raw: openRawStream,
  graphql: openGraphqlStream,
  sse: openEventStream,
};

/**
 * Listens to one chat, keeps its cursor, and comes back with it, to the other service and over its next transport, whenever its
 * connection ends.
 */
export class Listener extends ReturningClient<ListenerOptions> {
  private cursor: string | null;
  private turn = 0;
  private waiting: { seq: number; tell: () => void }[] = [];

  constructor(options: ListenerOptions) {
    super(options);
    this.cursor = options.after;
  }

  get chat(): Chat {
    return this.options.chat;
  }

  get user(): User {
    return this.options.user;
  }

  /** The number of the last change that it saw, or started from; -1 for one that is not in yet. */
  get seq(): number {
    return this.cursor === null ? -1 : Number(this.cursor.split(':')[1]);
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

  protected override open({ service, port }: Place, ended: () => void): () => void {
    const { name, user, chat, edges, journal } = this.options;
    const edge = edges[this.turn % edges.length] ?? edges[0];
    this.turn += 1;
    const { cursor: after } = this;
    const connection = this.options.nextConnection();
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
    return OPENERS[edge](
      { port, chat, user, after },
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
          ended();
        },
        closed: (code, reason) => {
          journal.write({ type: 'stream.closed', connection, code, reason });
          ended();
        },
      },
    );
  }

  private moved(cursor: string, { seq }: Change): void {
    this.cursor = cursor;
    const reached = this.waiting.filter((waiter) => waiter.seq <= seq);
    if (reached.length === 0) return;
    this.waiting = this.waiting.filter((waiter) => waiter.seq > seq);
    for (const { tell } of reached) tell();
  }
}

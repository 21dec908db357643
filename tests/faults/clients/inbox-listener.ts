import { setTimeout as sleep } from 'node:timers/promises';
import { fingerprint, type StreamEdge } from '../entries.js';
import type { Journal } from '../journal.js';
import type { User } from '../world.js';
import { openEventsOfInbox } from './event-stream.js';
import { ask } from './graphql-api.js';
import { openGraphqlInbox } from './graphql-stream.js';
import { openRawInbox } from './raw-stream.js';
import { type Place, ReturningClient, type ReturningOptions } from './returning-client.js';
import type { OpenInbox } from './streams.js';

export interface InboxListenerOptions extends ReturningOptions {
  user: User;
  /** Begins with what happens from now on, in place of the position of its page. Only while nobody writes: the harness could not tell from where on. */
  isFromNow: boolean;
  /** Of a chat in which more was missed, a gap is said. Another one for each connection. */
  maxMissed: readonly number[];
  /** It leaves by itself after at most so many milliseconds, without a good-bye, and comes back. */
  longestStayMs: number;
  journal: Journal;
  /** A number that no other connection has. */
  nextConnection: () => number;
}

interface Page {
  inbox: { position: string; next: string | null; items: { chat: { id: string; cursor: string } }[] };
}

const PAGE = '{ inbox(first: 100) { position next items { chat { id cursor } } } }';
const RETRY_MS = 100;
const POLL_MS = 25;

const OPENERS: Record<StreamEdge, OpenInbox> = {
  raw: openRawInbox,
  graphql: openGraphqlInbox,
  sse: openEventsOfInbox,
};
const EDGES: readonly StreamEdge[] = ['raw', 'graphql', 'sse'];
/** Those whose first frame has a position. */
const EDGES_WITH_HELLO: readonly StreamEdge[] = ['raw', 'sse'];

/**
 * Listens to all chats of its user, keeps its position, and comes back with it, to the other service and over whichever transport, whenever
 * its connection ends.
 */
export class InboxListener extends ReturningClient<InboxListenerOptions> {
  private position: string | null = null;
  /** Of each chat that it knows, the number up to which it has the changes, or knows that they are missing. */
  private readonly seqs = new Map<string, number>();

  get user(): User {
    return this.options.user;
  }

  /** Whether it has a position to come back with. */
  get isIn(): boolean {
    return this.position !== null;
  }

  /**
   * Resolves when it has all that it is to have, or after `boundMs`.
   * @param heads of each chat of the user, the number of the newest change that the user may see
   */
  async reaches(heads: ReadonlyMap<string, Head>, boundMs: number): Promise<void> {
    const deadline = performance.now() + boundMs;
    while (!this.has(heads) && performance.now() < deadline) await sleep(POLL_MS);
  }

  private has(heads: ReadonlyMap<string, Head>): boolean {
    return [...heads].every(([chat, { seq, isMember }]) => {
      const own = this.seqs.get(chat);
      // Of a chat that the user left before it began, it never hears.
      return own === undefined ? !isMember : own >= seq;
    });
  }

  /** Reads the first page of the inbox, which says where to begin. */
  protected override async begin(): Promise<void> {
    const { ports, random, user, isFromNow, name: listener, journal } = this.options;
    while (!this.isStopped) {
      const outcome = await ask<Page>(`http://127.0.0.1:${random.pick(ports)}`, user.token, PAGE);
      if (outcome.kind === 'answered') {
        const { position, next, items } = outcome.data.inbox;
        if (next !== null) throw new Error('The harness reads one page, and there are more.');
        const chats = items.map(({ chat }) => ({ chat: chat.id, cursor: chat.cursor }));
        journal.write({ type: 'inbox.began', listener, user: user.id, position: fingerprint(position), chats });
        for (const { chat, cursor } of chats) this.reached(chat, seqOf(cursor));
        if (!isFromNow) this.position = position;
        return;
      }
      await sleep(RETRY_MS);
    }
  }

  protected override open({ service, port }: Place, ended: () => void): () => void {
    const { name: listener, user, random, journal, longestStayMs } = this.options;
    const { position: after } = this;
    const edge = random.pick(after === null ? EDGES_WITH_HELLO : EDGES);
    const maxMissed = random.pick(this.options.maxMissed);
    const connection = this.options.nextConnection();
    journal.write({
      type: 'inbox.opened',
      connection,
      listener,
      user: user.id,
      edge,
      service,
      after: after === null ? null : fingerprint(after),
      maxMissed,
    });
    /** A position may have thousands of characters. */
    const at = (position: string) => {
      this.position = position;
      return { connection, position: fingerprint(position) };
    };
    const over = () => {
      clearTimeout(leaving);
      ended();
    };
    const close = OPENERS[edge](
      { port, user, after, maxMissed },
      {
        started: (position) => journal.write({ type: 'inbox.started', ...at(position) }),
        event: (position, { chat, cursor, change }) => {
          journal.write({ type: 'inbox.event', ...at(position), chat, cursor, ...change });
          this.reached(chat, change.seq);
        },
        gap: (position, { chat, after: from, cursor }) => {
          journal.write({ type: 'inbox.gap', ...at(position), chat, after: from, cursor });
          this.reached(chat, seqOf(cursor));
        },
        state: (position, chat) => journal.write({ type: 'inbox.state', ...at(position), chat }),
        live: (position) => journal.write({ type: 'inbox.live', ...at(position) }),
        reset: (position) => journal.write({ type: 'inbox.reset', ...at(position) }),
        refused: (code) => {
          journal.write({ type: 'stream.refused', connection, code });
          over();
        },
        closed: (code, reason) => {
          journal.write({ type: 'stream.closed', connection, code, reason });
          over();
        },
      },
    );
    const leave = () => {
      close();
      ended();
    };
    const leaving = Number.isFinite(longestStayMs) ? setTimeout(leave, random.int(0, longestStayMs)) : undefined;
    return () => {
      clearTimeout(leaving);
      close();
    };
  }

  /** What comes again of what the page has shown is no step back. */
  private reached(chat: string, seq: number): void {
    this.seqs.set(chat, Math.max(seq, this.seqs.get(chat) ?? 0));
  }
}

/** The newest change of a chat that a user may see. */
export interface Head {
  seq: number;
  isMember: boolean;
}

function seqOf(cursor: string): number {
  return Number(cursor.split(':')[1]);
}

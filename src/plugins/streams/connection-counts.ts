import { Tally } from '../../domain/counts.js';

/** What long-lived connections carry: a chat or an inbox over the raw channel or as server-sent events, or GraphQL operations. */
export const CONNECTION_KINDS = ['raw_chat', 'raw_inbox', 'sse_chat', 'sse_inbox', 'graphql'] as const;
export type ConnectionKind = (typeof CONNECTION_KINDS)[number];

/** Codes with which clients usually close. Any other code of a client counts as `other`: it could be one of thousands. */
const CLIENT_CODES = new Set([1000, 1001, 1005, 1006]);

/** The WebSockets and event streams of this process, for the metrics. */
export class ConnectionCounts {
  readonly open: Record<ConnectionKind, number> = { raw_chat: 0, raw_inbox: 0, sse_chat: 0, sse_inbox: 0, graphql: 0 };
  readonly opened = new Tally<ConnectionKind>(CONNECTION_KINDS);
  /** By kind, side and code: `raw_chat server 1012`. */
  readonly closed = new Tally();
  /** Those that were ended because they did not read. */
  slow = 0;

  add(kind: ConnectionKind): void {
    this.open[kind] += 1;
    this.opened.add(kind);
  }

  /**
   * @param serverCode the code with which this side closed the connection; undefined when the client did
   * @param clientCode undefined for an event stream
   */
  remove(kind: ConnectionKind, serverCode: number | undefined, clientCode?: number): void {
    this.open[kind] -= 1;
    if (serverCode !== undefined) this.closed.add(`${kind} server ${serverCode}`);
    else this.closed.add(`${kind} client ${wordOf(clientCode)}`);
  }
}

function wordOf(code: number | undefined): string {
  if (code === undefined) return 'none';
  return CLIENT_CODES.has(code) ? String(code) : 'other';
}

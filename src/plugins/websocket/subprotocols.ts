/** The raw channel's subprotocol. */
export const CHAT_PROTOCOL = 'chat.v1';
/** The subscriptions' subprotocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md */
export const GRAPHQL_PROTOCOL = 'graphql-transport-ws';

/**
 * The subprotocol to answer with, out of those offered at this path; false for none. Never one that the service does not speak:
 * a client may offer its token as a subprotocol, and `ws` by default would echo it.
 */
export function selectSubprotocol(offered: ReadonlySet<string>, path = ''): string | false {
  const ours = path.startsWith('/ws/') ? CHAT_PROTOCOL : GRAPHQL_PROTOCOL;
  return offered.has(ours) ? ours : false;
}

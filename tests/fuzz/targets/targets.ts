import { graphqlHttp } from './graphql-http.js';
import { graphqlSocket } from './graphql-socket.js';
import { introspection, revocation, token } from './oauth.js';
import { rawChannel } from './raw-channel.js';
import type { Target } from './target.js';
import { type LeftConnections, tcp } from './tcp.js';

export const TARGET_NAMES = ['token', 'revocation', 'introspection', 'graphql', 'graphql socket', 'raw channel', 'tcp'];

/** All of these names; all there are without names. */
export function chooseTargets(names: readonly string[], left: LeftConnections): Target[] {
  // Each target is only ever given inputs of its own.
  const all = [token, revocation, introspection, graphqlHttp, graphqlSocket, rawChannel, tcp(left)] as Target[];
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

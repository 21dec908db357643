import type { FastifyBaseLogger } from 'fastify';
import type { Database } from '../domain/database.js';
import type { Viewer } from '../domain/viewer.js';
import type { Services } from '../plugins/services.js';
import type { PlainList } from './plain-lists.js';

/** Who asks. Over a socket the viewer changes with the token's renewal and with the user's role: read it when it is needed. */
export interface Caller {
  readonly viewer: Viewer | null;
}

/** The socket that an operation came over. */
export interface SocketCaller extends Caller {
  /** Goes on under another token of the same user. @throws DomainError `UNAUTHENTICATED` or `FORBIDDEN`. */
  reauthenticate(token: string): Promise<void>;
  /** Calls when `viewer` is another: what is open has to be asked again. Returns what ends the calls. */
  onViewerChange(listener: () => void): () => void;
  /** The operation with this key, while it is active. */
  operation(key: string): { readonly signal: AbortSignal } | undefined;
}

/** What every resolver gets. One per operation; what it caches goes with it (`loaders.ts`). */
export interface GraphqlContext {
  readonly services: Services;
  readonly db: Database;
  readonly caller: Caller;
  /** Null over HTTP. */
  readonly socket: SocketCaller | null;
  readonly log: FastifyBaseLogger;
  readonly requestId: string;
  /** When the client of a query or a mutation is answered without it, by `performance.now()`; none where it is not given. */
  readonly deadline?: number;
  /** Lists of the operation that need nothing more of graphql (`plain-lists.ts`). */
  readonly plainLists: PlainList[];
  /** The key of a subscription among its socket's operations; Mercurius sets it. */
  readonly id?: string;
}

declare module 'mercurius' {
  interface MercuriusContext extends GraphqlContext {}
}

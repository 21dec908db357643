import type { FastifyBaseLogger } from 'fastify';
import type { Database } from '../../domain/database.js';
import type { Services } from '../../plugins/services.js';
import type { Caller, SocketCaller } from '../caller.js';
import type { OperationBudget } from '../documents/operation-budget.js';

/** A completed list and its key in the operation's result. */
export interface PlainList {
  key: string;
  list: readonly object[];
}

/** The context of every resolver. One per operation, and so are the caches that belong to it (`loaders.ts`). */
export interface GraphqlContext {
  readonly services: Services;
  readonly db: Database;
  readonly caller: Caller;
  /** Null over HTTP. */
  readonly socket: SocketCaller | null;
  readonly log: FastifyBaseLogger;
  readonly requestId: string;
  /** The address that clients know the service by, without a slash at its end; undefined where nobody asked for one. */
  readonly origin?: string | undefined;
  /** Where the request came from, as limits count it (`domain/address.ts`). */
  readonly network: string;
  /** When a query or mutation is answered with a timeout error, by `performance.now()`. Undefined: no deadline. */
  readonly deadline?: number;
  /** What the operation may still read and return. */
  readonly budget: OperationBudget;
  /** Lists that were completed without graphql (`plain-lists.ts`). */
  readonly plainLists: PlainList[];
  /** A subscription's key among the operations of its socket. Mercurius sets it. */
  readonly id?: string;
}

declare module 'mercurius' {
  interface MercuriusContext extends GraphqlContext {}
}

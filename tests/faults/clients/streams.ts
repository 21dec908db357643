import type { Change } from '../entries.js';
import type { Chat, User } from '../world.js';

/** Who hears a stream. `refused` and `closed` are last words, and only one of them comes. */
export interface StreamHandlers {
  /** `hello`; GraphQL does not have it. */
  started(cursor: string): void;
  event(cursor: string, change: Change): void;
  /** History is complete; GraphQL does not say so. */
  live(cursor: string): void;
  reset(cursor: string): void;
  /** Nobody was let in: a GraphQL code, one made of an HTTP status, or `UNREACHABLE`. */
  refused(code: string): void;
  /** A close code, which an event stream has in its last event; `complete`; or `error`, with its GraphQL code, for a change that could not be read whole. */
  closed(code: string, reason: string): void;
}

export interface StreamRequest {
  port: number;
  chat: Chat;
  user: User;
  after: string | null;
}

/** Opens a stream; returns what ends it without a further call. */
export type OpenStream = (request: StreamRequest, handlers: StreamHandlers) => () => void;

/** How long a service may take to let somebody in, in milliseconds. */
export const OPENING_PATIENCE_MS = 6000;

import type { Change } from '../entries.js';
import type { Chat, User } from '../world.js';

/** Who hears how a stream ends. Both are last words, and only one of them comes. */
export interface EndHandlers {
  /** Nobody was let in: a GraphQL code, one made of an HTTP status, or `UNREACHABLE`. */
  refused(code: string): void;
  /** A close code, which an event stream has in its last event; `complete`; or `error`, with its GraphQL code, for a change that could not be read whole. */
  closed(code: string, reason: string): void;
}

/** Who hears a stream. */
export interface StreamHandlers extends EndHandlers {
  /** `hello`; GraphQL does not have it. */
  started(cursor: string): void;
  event(cursor: string, change: Change): void;
  /** History is complete; GraphQL does not say so. */
  live(cursor: string): void;
  reset(cursor: string): void;
}

export interface StreamRequest {
  port: number;
  chat: Chat;
  user: User;
  after: string | null;
}

/** Opens a stream; returns what ends it without a further call. */
export type OpenStream = (request: StreamRequest, handlers: StreamHandlers) => () => void;

/** A change of one of the chats of an inbox. */
export interface InboxChange {
  chat: string;
  cursor: string;
  change: Change;
}

/** More of a chat was missed than the client wants to be sent. */
export interface InboxGap {
  chat: string;
  after: string;
  cursor: string;
}

/** Who hears an inbox. Each position is one to come back with. */
export interface InboxHandlers extends EndHandlers {
  /** `hello`; GraphQL does not have it. */
  started(position: string): void;
  event(position: string, change: InboxChange): void;
  gap(position: string, gap: InboxGap): void;
  /** The present state of a chat for its member. */
  state(position: string, chat: string): void;
  /** What was missed is complete; GraphQL does not say so. */
  live(position: string): void;
  reset(position: string): void;
}

export interface InboxRequest {
  port: number;
  user: User;
  after: string | null;
  maxMissed: number;
}

/** Opens an inbox; returns what ends it without a further call. */
export type OpenInbox = (request: InboxRequest, handlers: InboxHandlers) => () => void;

/** How long a service may take to let somebody in, in milliseconds. */
export const OPENING_PATIENCE_MS = 6000;

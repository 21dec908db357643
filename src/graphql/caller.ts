import type { Viewer } from '../domain/viewer.js';

/** Who runs an operation. On a socket the viewer changes when the token or the user's role does: read it each time. */
export interface Caller {
  readonly viewer: Viewer | null;
}

/** The socket that an operation came over. */
export interface SocketCaller extends Caller {
  /** Replaces the token by another one of the same user. @throws DomainError `UNAUTHENTICATED`, `FORBIDDEN` or `RATE_LIMITED`. */
  reauthenticate(token: string): Promise<void>;
  /** False while too much is unsent, because the client does not read. */
  readonly hasRoom: boolean;
  /** Calls `listener` when `viewer` changes: open subscriptions have to check their rights again. Returns the unsubscribe function. */
  onViewerChange(listener: () => void): () => void;
  /** The active operation with this key. */
  operation(key: string): { readonly signal: AbortSignal } | undefined;
}

import type { Api } from './api.js';
import type { Connection } from './connection.js';
import type { Request } from './http.js';
import type { Notice } from './notices.js';
import type { Patience } from './retry.js';
import type { RoomSnapshot } from './room-state.js';
import type { ChatStorage } from './storage.js';

/** What the rooms and the inbox of one client share. */
export interface ClientContext {
  readonly connection: Connection;
  readonly request: Request;
  readonly api: Api;
  readonly patience: Patience;
  /** The room as it is now, with little of its lists. Repeated until it succeeds. @throws ChatError that is not transient */
  snapshot(chatId: string): Promise<RoomSnapshot>;
  readonly storage: ChatStorage | undefined;
  notify(notice: Notice): void;
}

export interface RoomContext extends ClientContext {
  /** Somebody has begun or ended to listen to a room. */
  watchersChanged(): void;
  closed(room: { readonly id: string }): void;
}

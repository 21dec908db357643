import type { Api } from './api.js';
import type { Connection } from './connection.js';
import type { Request } from './http.js';
import type { Notice } from './notices.js';
import type { Patience } from './retry.js';
import type { ChatStorage } from './storage.js';

/** What the rooms and the inbox of one client share. */
export interface ClientContext {
  readonly connection: Connection;
  readonly request: Request;
  readonly api: Api;
  readonly patience: Patience;
  readonly storage: ChatStorage | undefined;
  notify(notice: Notice): void;
}

export interface RoomContext extends ClientContext {
  /** Somebody has begun or ended to listen to a room. */
  watchersChanged(): void;
  closed(room: { readonly id: string }): void;
}

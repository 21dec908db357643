import { apiOver } from './api.js';
import { type ConnectionStatus, connectionOf } from './connection.js';
import type { ClientContext, RoomContext } from './context.js';
import { ME, TICKET } from './documents.js';
import { type Fetch, requestsTo } from './http.js';
import { type Inbox, inboxOf } from './inbox.js';
import type { JsonObject } from './json.js';
import { lazyOAuth } from './lazy-oauth.js';
import { newLifetime } from './lifetime.js';
import type { Notice } from './notices.js';
import type { OAuth, OAuthOptions } from './oauth.js';
import type { Patience } from './retry.js';
import { type Room, roomOf } from './room.js';
import { sseTransport } from './sse-transport.js';
import type { ChatStorage } from './storage.js';
import type { Observable } from './store.js';
import { type TokenFunction, tokensFrom } from './tokens.js';
import type { Transport } from './transport.js';
import { globalWebSocket, webSocketTransport } from './web-socket-transport.js';

export type { ConnectionStatus } from './connection.js';
export { ChatError, type ChatErrorCode } from './errors.js';
export type { ChatEvent, Member, MessageEventType, RoomEvent } from './events.js';
export type { Fetch } from './http.js';
export type { Inbox } from './inbox.js';
export type { InboxItem, InboxState, Presence } from './inbox-state.js';
export type { JsonObject } from './json.js';
export type { Message, Reaction, Replies, UserRef } from './messages.js';
export type { Notice } from './notices.js';
export type { OAuth, OAuthOptions } from './oauth.js';
export type { EventsOptions, Room } from './room.js';
export type { ChatInfo, PendingMessage, RoomState, SendOptions, Typing } from './room-state.js';
export type * as Schema from './schema.js';
export { sseTransport } from './sse-transport.js';
export { type ChatStorage, memoryStorage } from './storage.js';
export type { Observable } from './store.js';
export type { TokenFunction } from './tokens.js';
export type { Stream, StreamHandlers, StreamRequest, Transport } from './transport.js';
export { type WebSocketConstructor, type WebSocketLike, webSocketTransport } from './web-socket-transport.js';

interface CommonOptions {
  /** The service's origin: `https://chat.example.com`. */
  url: string;
  /** By default a WebSocket where there is a global one, and server-sent events otherwise. */
  transport?: Transport;
  /** Keeps messages that are not acknowledged over a reload: `localStorage`. */
  storage?: ChatStorage;
  /** Of a chat in which more changes were missed while the connection was away, the room is loaded anew. 0 to 5000; by default 500. */
  maxMissed?: number;
  /** Told of what the client has dealt with by itself. */
  onNotice?: (notice: Notice) => void;
  /** In place of the global one. */
  fetch?: Fetch;
  /** In place of `Math.random`, for the jitter of reconnects. */
  random?: () => number;
}

export type ChatClientOptions = CommonOptions &
  (
    | {
        /** Where the client gets access tokens, of your backend for example. */ token: TokenFunction;
        oauth?: undefined;
      }
    | {
        /** Signs in at the service itself. */ oauth: OAuthOptions;
        token?: undefined;
      }
  );

export interface ChatClient {
  /** Connected or not, and why. */
  readonly status: Observable<ConnectionStatus>;
  /** The sign-in, of a client with the option `oauth`. */
  readonly oauth: OAuth | undefined;
  /** All chats of the user. The same object each time. */
  inbox(): Inbox;
  /** One chat, by its id. The same object each time, until it is closed. */
  room(chatId: string): Room;
  /** Runs a GraphQL operation of yours. @throws ChatError */
  request<Data = JsonObject>(query: string, variables?: object): Promise<Data>;
  /** Connects now: after `status` has stopped and somebody has signed in, or without waiting for the next attempt. */
  connect(): void;
  /** @internal For the parts of this package. */
  readonly context: ClientContext;
  /** Ends everything: iterations end, and messages that were not acknowledged are rejected, and kept where there is a storage. */
  close(): void;
}

/** An inbox's stream has the signals of so many chats. */
const MAX_SIGNALS = 20;
const SIGNALS_MS = 50;

/** A client of one user. It connects when something is asked of it. */
export function createChatClient(options: ChatClientOptions): ChatClient {
  const url = options.url.replace(/\/+$/, '');
  const fetch: Fetch = options.fetch ?? ((address, init) => globalThis.fetch(address, init));
  const oauth = options.oauth && lazyOAuth(url, options.oauth, fetch);
  const tokens = tokensFrom(options.token ?? ((refused) => oauth?.token(refused) ?? Promise.resolve('')));
  const life = newLifetime();
  const request = requestsTo(url, tokens, fetch, life);
  const api = apiOver(request);
  const random = options.random ?? Math.random;

  const rooms = new Map<string, Room>();
  const connection = connectionOf({
    transport: options.transport ?? (globalWebSocket() ? webSocketTransport() : sseTransport()),
    ...{ tokens, random, life },
    request: {
      ...{ url, maxMissed: options.maxMissed ?? 500, fetch },
      ticket: async () => (await request<{ ticket: string }>(TICKET)).ticket,
    },
    signals: () =>
      [...rooms.values()]
        // An id has 36 characters. With one that is none, all signals would be refused.
        .filter(({ id, isWatched }) => isWatched && id[35])
        .map(({ id }) => id)
        .slice(-MAX_SIGNALS),
    diagnose: () => request(ME),
  });
  const { status } = connection;
  const patience: Patience = {
    ...{ life, random },
    onReachable: (wake) => status.subscribe(() => status.get().state === 'live' && wake()),
  };
  let signalsTimer: ReturnType<typeof setTimeout> | undefined;
  const context: RoomContext = {
    ...{ connection, request, api, patience, storage: options.storage },
    notify: (notice) => options.onNotice?.(notice),
    watchersChanged() {
      // Whoever goes from one room to another leaves the first in the same moment.
      clearTimeout(signalsTimer);
      signalsTimer = setTimeout(connection.signalsChanged, SIGNALS_MS);
    },
    closed: ({ id }) => void rooms.delete(id),
  };
  connection.listen({
    frame: () => {},
    began: (isReset) => isReset && context.notify({ type: 'reset' }),
  });
  const online = () => status.get().state === 'waiting' && connection.start();
  // Node.js has no such event.
  const page = globalThis as Partial<EventTarget>;
  page.addEventListener?.('online', online);
  life.onEnd(() => page.removeEventListener?.('online', online));
  let inbox: Inbox | undefined;

  return {
    ...{ status, oauth, request, context },
    inbox() {
      inbox ??= inboxOf(context);
      return inbox;
    },
    room(chatId) {
      const room = rooms.get(chatId) ?? roomOf(chatId, context);
      rooms.set(chatId, room);
      return room;
    },
    connect() {
      tokens.forget();
      connection.start();
      inbox?.resume();
      for (const room of rooms.values()) room.resume();
    },
    close() {
      clearTimeout(signalsTimer);
      life.end();
      inbox?.close();
      for (const room of [...rooms.values()]) room.close();
    },
  };
}

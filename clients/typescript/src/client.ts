import { Api } from './api.js';
import { Connection, type ConnectionStatus } from './connection.js';
import type { RoomContext } from './context.js';
import { ME, TICKET } from './documents.js';
import { type Fetch, Http } from './http.js';
import { Inbox } from './inbox.js';
import type { JsonObject } from './json.js';
import type { Notice } from './notices.js';
import { OAuth, type OAuthOptions } from './oauth.js';
import { type Patience, pauseUntilReachable, persist } from './retry.js';
import { Room } from './room.js';
import { sseTransport } from './sse-transport.js';
import { type ChatStorage, memoryStorage } from './storage.js';
import type { Observable } from './store.js';
import { type TokenFunction, Tokens } from './tokens.js';
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
        /** Signs in at the service itself. */ oauth: Omit<OAuthOptions, 'storage'> & Partial<OAuthOptions>;
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
  const oauth = options.oauth && new OAuth(url, { storage: memoryStorage(), ...options.oauth }, fetch);
  const tokens = new Tokens(options.token ?? ((refused) => (oauth ? oauth.token(refused) : Promise.resolve(''))));
  const http = new Http(url, tokens, fetch);
  const api = new Api(http);
  const random = options.random ?? Math.random;
  const closing = new AbortController();

  const rooms = new Map<string, Room>();
  const ticket = async () => (await http.request<{ createSocketTicket: string }>(TICKET)).createSocketTicket;
  const connection = new Connection({
    transport: options.transport ?? (globalWebSocket() ? webSocketTransport() : sseTransport()),
    tokens,
    request: { url, maxMissed: options.maxMissed ?? 500, fetch, ticket },
    signals: () =>
      [...rooms.values()]
        .filter(({ isWatched }) => isWatched)
        .map(({ id }) => id)
        .slice(-MAX_SIGNALS),
    diagnose: () => http.request(ME),
    random,
  });
  const patience: Patience = {
    signal: closing.signal,
    random,
    onReachable: (listener) =>
      connection.status.subscribe(() => connection.status.get().state === 'live' && listener()),
  };
  let signalsTimer: ReturnType<typeof setTimeout> | undefined;
  const snapshot = (chatId: string) => persist(() => api.room(chatId, { messages: 1, members: 1 }), patience);
  const context: RoomContext = {
    ...{ connection, http, api, patience, snapshot, storage: options.storage },
    notify: (notice) => options.onNotice?.(notice),
    events: {
      events: (chatId, after) => persist(() => api.events(chatId, after), patience),
      cursor: async (chatId) => (await snapshot(chatId)).cursor,
      pause: () => pauseUntilReachable(1000, 1000, patience),
    },
    watchersChanged() {
      // Whoever goes from one room to another leaves the first in the same moment.
      clearTimeout(signalsTimer);
      signalsTimer = setTimeout(() => connection.signalsChanged(), SIGNALS_MS);
    },
    closed: ({ id }) => void rooms.delete(id),
  };
  connection.listen({
    frame: () => {},
    began: (isReset) => isReset && context.notify({ type: 'reset' }),
  });
  const stopWatching = whenOnline(() => connection.status.get().state === 'waiting' && connection.start());
  let inbox: Inbox | undefined;

  return {
    status: connection.status,
    oauth,
    inbox() {
      inbox ??= new Inbox(context);
      return inbox;
    },
    room(chatId) {
      const room = rooms.get(chatId) ?? new Room(chatId, context);
      rooms.set(chatId, room);
      return room;
    },
    request: (query, variables) => http.request(query, variables),
    connect() {
      tokens.forget();
      connection.start();
      inbox?.resume();
      for (const room of rooms.values()) room.resume();
    },
    close() {
      stopWatching();
      closing.abort();
      clearTimeout(signalsTimer);
      http.close();
      connection.close();
      inbox?.close();
      for (const room of [...rooms.values()]) room.close();
    },
  };
}

/** Calls `listener` when the browser is online again. @returns what ends it */
function whenOnline(listener: () => void): () => void {
  const target = globalThis as Partial<Pick<EventTarget, 'addEventListener' | 'removeEventListener'>>;
  target.addEventListener?.('online', listener);
  return () => target.removeEventListener?.('online', listener);
}

// The two ways to hear what happens in a chat. Both start at a cursor: first the events after it (backfill), then live events, without
// a gap. So messages may be sent before the listener is connected.
import { on, once } from 'node:events';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { type Change, changeOf, type Event } from './changes.js';

export interface Chat {
  id: string;
  name: string;
}

export interface ListenOptions {
  origin: string;
  token: string;
  chat: Chat;
  /** The cursor to start at: `Chat.cursor`, or that of the last event received. */
  after: string;
}

const EVENTS = `subscription ($chatId: ID!, $after: String) {
  chatEvents(chatId: $chatId, after: $after) {
    __typename
    seq
    ... on MessageCreated { message { ...shown } }
    ... on MessageEdited { message { ...shown } }
    ... on MessageDeleted { message { ...shown } }
    ... on ReactionsChanged { message { ...shown } }
  }
}
fragment shown on Message { id content sender { username } reactions { emoji count } }`;

/** The names of the events on the raw channel, by those of their GraphQL types. */
const TYPES: Readonly<Record<string, string>> = {
  MessageCreated: 'message.created',
  MessageEdited: 'message.edited',
  MessageDeleted: 'message.deleted',
  ReactionsChanged: 'message.reactions',
};

/** What one person hears, in order. */
export interface Listening {
  changes: AsyncGenerator<Change>;
  close(): void;
}

/** Listens with a GraphQL subscription, over the subprotocol graphql-transport-ws. */
export function subscribe({ origin, token, chat, after }: ListenOptions): Listening {
  const client = createClient({
    url: `${origin.replace(/^http/, 'ws')}/graphql/`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
  });

  async function* changes(): AsyncGenerator<Change> {
    const variables = { chatId: chat.id, after };
    for await (const { data, errors } of client.iterate<{ chatEvents: Event & { __typename: string } }>({
      query: EVENTS,
      variables,
    })) {
      if (errors?.[0]) throw new Error(errors[0].message);
      const event = data?.chatEvents;
      const change = event && changeOf({ ...event, type: TYPES[event.__typename] ?? '' });
      if (change) yield change;
    }
  }

  return { changes: changes(), close: () => void client.dispose() };
}

export interface RawChannel extends Listening {
  send(content: string): void;
  react(messageId: string, emoji: string): void;
}

/** Listens on the chat's raw channel, which can also send. */
export async function openRawChannel({ origin, token, chat, after }: ListenOptions): Promise<RawChannel> {
  const path = `/ws/chat/${encodeURIComponent(chat.name)}/?after=${encodeURIComponent(after)}`;
  const socket = new WebSocket(origin.replace(/^http/, 'ws') + path, {
    headers: { authorization: `Bearer ${token}` },
  });
  // Registered before the socket opens, so that the first frame is not missed.
  const frames = on(socket, 'message', { close: ['close'] });
  await once(socket, 'open');

  async function* changes(): AsyncGenerator<Change> {
    for await (const [frame] of frames) {
      const event: Event & { message?: unknown } = JSON.parse(String(frame));
      if (event.type === 'error') throw new Error(`The raw channel answered: ${event.message}`);
      const change = changeOf(event);
      if (change) yield change;
    }
  }

  return {
    changes: changes(),
    /** The nonce makes sending idempotent: after a lost connection the message can be sent again without a duplicate. */
    send: (content) => socket.send(JSON.stringify({ type: 'message.send', content, nonce: crypto.randomUUID() })),
    react: (messageId, emoji) => socket.send(JSON.stringify({ type: 'reaction.add', messageId, emoji })),
    close: () => socket.close(),
  };
}

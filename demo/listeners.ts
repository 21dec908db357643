// The two ways to receive messages. Both start at a cursor: first the events after it (backfill), then live events, without a
// gap. So messages may be sent before the listener is connected.
import { on, once } from 'node:events';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

export interface Message {
  seq: number;
  content: string;
  sender: { username: string };
}

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
    ... on MessageCreated { message { seq content sender { username } } }
  }
}`;

/** The messages that one person receives, in order. */
export interface Listening {
  messages: AsyncGenerator<Message>;
  close(): void;
}

/** Listens with a GraphQL subscription, over the subprotocol graphql-transport-ws. */
export function subscribe({ origin, token, chat, after }: ListenOptions): Listening {
  const client = createClient({
    url: `${origin.replace(/^http/, 'ws')}/graphql/`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
  });

  async function* messages(): AsyncGenerator<Message> {
    const variables = { chatId: chat.id, after };
    for await (const { data, errors } of client.iterate<{ chatEvents: { message?: Message } }>({
      query: EVENTS,
      variables,
    })) {
      if (errors?.[0]) throw new Error(errors[0].message);
      if (data?.chatEvents.message) yield data.chatEvents.message;
    }
  }

  return { messages: messages(), close: () => void client.dispose() };
}

/** Listens on the chat's raw channel, which can also send. */
export async function openRawChannel({
  origin,
  token,
  chat,
  after,
}: ListenOptions): Promise<Listening & { send(content: string): void }> {
  const path = `/ws/chat/${encodeURIComponent(chat.name)}/?after=${encodeURIComponent(after)}`;
  const socket = new WebSocket(origin.replace(/^http/, 'ws') + path, {
    headers: { authorization: `Bearer ${token}` },
  });
  // Registered before the socket opens, so that the first frame is not missed.
  const frames = on(socket, 'message', { close: ['close'] });
  await once(socket, 'open');

  async function* messages(): AsyncGenerator<Message> {
    for await (const [frame] of frames) {
      const event: { type: string; message: Message } = JSON.parse(String(frame));
      if (event.type === 'message.created') yield event.message;
      if (event.type === 'error') throw new Error(`The raw channel answered: ${event.message}`);
    }
  }

  return {
    messages: messages(),
    /** The nonce makes sending idempotent: after a lost connection the message can be sent again without a duplicate. */
    send: (content) => socket.send(JSON.stringify({ type: 'message.send', content, nonce: crypto.randomUUID() })),
    close: () => socket.close(),
  };
}

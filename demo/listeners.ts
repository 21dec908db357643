// The two ways to listen. Both begin at a cursor: what happened after it comes first, then what happens, as one stream
// without a gap. So nobody has to wait until the listening has begun.
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

export interface Place {
  origin: string;
  token: string;
  chat: Chat;
  /** Where to begin: `Chat.cursor`, or the cursor of the last event that was seen. */
  after: string;
}

const EVENTS = `subscription ($chatId: ID!, $after: String) {
  chatEvents(chatId: $chatId, after: $after) {
    ... on MessageCreated { message { seq content sender { username } } }
  }
}`;

/** What one person receives, in the order in which it comes. */
export interface Listening {
  messages: AsyncGenerator<Message>;
  close(): void;
}

/** With a GraphQL subscription, over the protocol graphql-transport-ws. */
export function subscribe({ origin, token, chat, after }: Place): Listening {
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

/** On the chat's raw channel, which can also send. */
export async function openRawChannel({
  origin,
  token,
  chat,
  after,
}: Place): Promise<Listening & { send(content: string): void }> {
  const path = `/ws/chat/${encodeURIComponent(chat.name)}/?after=${encodeURIComponent(after)}`;
  const socket = new WebSocket(origin.replace(/^http/, 'ws') + path, {
    headers: { authorization: `Bearer ${token}` },
  });
  // Taken before the socket opens, so that the first frame finds a listener.
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
    /** With a nonce a message can be sent again after a lost connection, and there is still one. */
    send: (content) => socket.send(JSON.stringify({ type: 'message.send', content, nonce: crypto.randomUUID() })),
    close: () => socket.close(),
  };
}

import { type Dialect, NOTHING, type Said } from './dialect.js';

const SUBSCRIPTION = `subscription ($chatId: ID!) { chatEvents(chatId: $chatId) { __typename seq cursor at actor { id username }
  ... on MessageCreated { message { id seq content createdAt sender { id username } } } } }`;

/** A subscription over graphql-transport-ws. https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md */
export const graphql: Dialect = {
  // The members of a frame have no order of their own.
  messagePrefixes: [Buffer.from('{"type":"next"'), Buffer.from('{"id":"1","type":"next"')],

  upgrade: () => ({ path: '/graphql/', headers: { 'Sec-WebSocket-Protocol': 'graphql-transport-ws' } }),

  greeting: ({ token }) => JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }),

  read(text, chat): Said {
    const { type }: { type: string } = JSON.parse(text);
    switch (type) {
      case 'connection_ack': {
        const payload = { query: SUBSCRIPTION, variables: { chatId: chat.id } };
        return { kind: 'ready', seq: undefined, reply: JSON.stringify({ id: '1', type: 'subscribe', payload }) };
      }
      case 'ping':
        return { kind: 'reply', reply: '{"type":"pong"}' };
      case 'error':
      case 'complete':
        return { kind: 'refused', why: text };
      default:
        return NOTHING;
    }
  },

  send: () => {
    throw new Error('A subscription sends nothing.');
  },
};

import { type Dialect, NOTHING, type Said } from './dialect.js';

/** Socket.IO's packets over its WebSocket transport. https://socket.io/docs/v4/engine-io-protocol/, https://socket.io/docs/v4/socket-io-protocol/ */
export const socketIo: Dialect = {
  messagePrefixes: [Buffer.from('42["message.created"')],

  upgrade: () => ({ path: '/socket.io/?EIO=4&transport=websocket', headers: {} }),

  greeting: () => undefined,

  read(text, chat, { token }): Said {
    if (text.startsWith('0{')) return { kind: 'reply', reply: `40${JSON.stringify({ token, chat: chat.name })}` };
    if (text === '2') return { kind: 'reply', reply: '3' };
    if (text.startsWith('44')) return { kind: 'refused', why: text };
    if (text.startsWith('42["hello"')) {
      const [, { seq }]: [string, { seq: number }] = JSON.parse(text.slice(2));
      return { kind: 'ready', seq };
    }
    const acknowledgement = /^43(\d+)(\[.*\])$/s.exec(text);
    if (!acknowledgement?.[2]) return NOTHING;
    const [answer]: [{ seq?: number }] = JSON.parse(acknowledgement[2]);
    if (answer.seq === undefined) return { kind: 'refused', why: text };
    return { kind: 'acknowledged', id: Number(acknowledgement[1]), seq: answer.seq };
  },

  send: (id, content) => `42${id}${JSON.stringify(['message.send', { content }])}`,
};

import { type Dialect, NOTHING, type Said } from './dialect.js';

interface Frame {
  type: string;
  id?: string;
  cursor?: string;
  message?: { seq: number };
}

/** The raw channel. The thin server and the ceiling speak it too: the same bytes cross the wire. */
export const channel: Dialect = {
  messagePrefixes: [Buffer.from('{"type":"message.created"')],

  upgrade: (chat, person, after) => ({
    path: `/ws/chat/${encodeURIComponent(chat.name)}/${after === undefined ? '' : `?after=${encodeURIComponent(after)}`}`,
    headers: { Authorization: `Bearer ${person.token}` },
  }),

  greeting: () => undefined,

  read(text): Said {
    const frame: Frame = JSON.parse(text);
    switch (frame.type) {
      case 'hello':
        return { kind: 'ready', seq: Number(frame.cursor?.split(':')[1]) };
      case 'live':
        return { kind: 'live' };
      case 'ack':
        return { kind: 'acknowledged', id: Number(frame.id), seq: frame.message?.seq ?? Number.NaN };
      case 'error':
      case 'closing':
      case 'reset':
        return { kind: 'refused', why: text };
      default:
        return NOTHING;
    }
  },

  send: (id, content) => JSON.stringify({ type: 'message.send', id: String(id), content }),
};

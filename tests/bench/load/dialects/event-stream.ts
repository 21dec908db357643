import { channel } from './channel.js';
import type { Dialect } from './dialect.js';

/** An event stream: what the raw channel sends, and nothing back. */
export const eventStream: Dialect = {
  messagePrefixes: channel.messagePrefixes,

  upgrade: (chat, person, after) => {
    const { path, headers } = channel.upgrade(chat, person, after);
    return { path: path.replace('/ws/', '/sse/'), headers, isEventStream: true };
  },

  greeting: () => undefined,

  read: (text, chat, person) => channel.read(text, chat, person),

  send: () => {
    throw new Error('An event stream sends nothing.');
  },
};

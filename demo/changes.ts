// What a client shows of the events of a chat.
import type { RoomEvent } from '../clients/typescript/src/client.js';

/** A change of the chat in words. */
export interface Change {
  seq: number;
  messageId: string;
  text: string;
}

/** Undefined for what the demo does not show: a client ignores the events that it does not know. */
export function changeOf(event: RoomEvent): Change | undefined {
  if (event.type === 'message.reactions') {
    const { seq, messageId, reactions } = event;
    return { seq, messageId, text: reactions.map(({ emoji, count }) => `${emoji} ${count}`).join(', ') };
  }
  if (!('message' in event)) return undefined;
  const { type, seq, message } = event;
  const change = { seq, messageId: message.id };
  const who = message.sender.username;
  if (type === 'message.created') return { ...change, text: `${who}: ${message.content}` };
  if (type === 'message.edited') return { ...change, text: `${who} (edited): ${message.content}` };
  if (type === 'message.deleted') return { ...change, text: `${who}: (deleted)` };
  return undefined;
}

import type { ChatEvent } from '../domain/chat-events.js';
import { formatCursor } from '../domain/cursor.js';
import { textFrame } from '../plugins/websocket/frame.js';
import { messageOnWire, userOnWire } from './frames.js';

const forEverybody = new WeakMap<ChatEvent, Buffer>();
const forSender = new WeakMap<ChatEvent, Buffer>();

/**
 * A change of the chat as the sockets of one user see it: the nonce of a message is its sender's only. Encoded once for all
 * the sockets of a chat, which share the event object.
 */
export function eventFrame(event: ChatEvent, userId: string): Buffer {
  const withNonce =
    event.type === 'message.created' && event.message.nonce !== null && event.message.sender.id === userId;
  const known = withNonce ? forSender : forEverybody;
  let frame = known.get(event);
  if (!frame) {
    frame = textFrame(JSON.stringify(eventOnWire(event, withNonce)));
    known.set(event, frame);
  }
  return frame;
}

function eventOnWire(event: ChatEvent, withNonce: boolean) {
  const { type, seq, at, actor } = event;
  const head = { type, seq, cursor: formatCursor(event), at, actor: actor && userOnWire(actor) };
  switch (event.type) {
    case 'message.created':
      return { ...head, message: messageOnWire(event.message, withNonce) };
    case 'member.added':
      return { ...head, member: { user: userOnWire(event.member.user), joinedAt: event.member.joinedAt } };
    case 'member.removed':
      return { ...head, user: userOnWire(event.user) };
  }
}

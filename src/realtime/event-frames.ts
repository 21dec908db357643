import type { ChatEvent } from '../domain/chat-events.js';
import { formatCursor } from '../domain/cursor.js';
import { textFrame } from '../plugins/websocket/frame.js';
import { messageOnWire, userOnWire } from './frames.js';

const forEverybody = new WeakMap<ChatEvent, Buffer>();
const forSender = new WeakMap<ChatEvent, Buffer>();

/** Changes that come together: their frames one after the other, and who sees a nonce in them. */
interface Together {
  bytes: Buffer;
  senders: ReadonlySet<string>;
}

const joined = new WeakMap<readonly ChatEvent[], Together>();

/**
 * Changes of the chat as the sockets of one user see them, one frame after the other: the nonce of a message is its sender's
 * only. Encoded and joined once for all the sockets of a chat, which share the events and the list of them.
 */
export function eventFrames(events: readonly ChatEvent[], userId: string): Buffer {
  const [first] = events;
  if (first && events.length === 1) return eventFrame(first, userId);
  let together = joined.get(events);
  if (!together) {
    const senders = events.map(senderOfNonce).filter((sender) => sender !== null);
    together = { bytes: join(events, null), senders: new Set(senders) };
    joined.set(events, together);
  }
  return together.senders.has(userId) ? join(events, userId) : together.bytes;
}

/** For a user, or for somebody who sees no nonce. */
function join(events: readonly ChatEvent[], userId: string | null): Buffer {
  return Buffer.concat(events.map((event) => eventFrame(event, userId)));
}

function eventFrame(event: ChatEvent, userId: string | null): Buffer {
  const sender = senderOfNonce(event);
  const withNonce = sender !== null && sender === userId;
  const known = withNonce ? forSender : forEverybody;
  let frame = known.get(event);
  if (!frame) {
    frame = textFrame(JSON.stringify(eventOnWire(event, withNonce)));
    known.set(event, frame);
  }
  return frame;
}

function senderOfNonce(event: ChatEvent): string | null {
  return event.type === 'message.created' && event.message.nonce !== null ? event.message.sender.id : null;
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

import { authorOf, type ChatEvent } from '../domain/log/chat-events.js';
import { textFrame } from '../plugins/websocket/frame.js';
import type { Audience } from '../wire/audience.js';
import { eventOnWire } from '../wire/event-on-wire.js';

const frames: Record<Audience, WeakMap<ChatEvent, Buffer>> = { author: new WeakMap(), others: new WeakMap() };

/** The joined frames of a list of events for everybody but the authors, who are shown more. */
interface JoinedFrames {
  bytes: Buffer;
  authors: ReadonlySet<string>;
}

const joined = new WeakMap<readonly ChatEvent[], JoinedFrames>();

/**
 * The frames of these events in one buffer, as this user may see them. All sockets of a chat get the same event objects in the same
 * array, so frames are encoded and joined once for all of them.
 */
export function eventFrames(events: readonly ChatEvent[], userId: string): Buffer {
  const [first] = events;
  if (first && events.length === 1) return eventFrame(first, userId);
  let joinedFrames = joined.get(events);
  if (!joinedFrames) {
    const authors = events.map(authorOf).filter((author) => author !== null);
    joinedFrames = { bytes: join(events, null), authors: new Set(authors) };
    joined.set(events, joinedFrames);
  }
  return joinedFrames.authors.has(userId) ? join(events, userId) : joinedFrames.bytes;
}

/** @param userId null for a user who owns none of these events */
function join(events: readonly ChatEvent[], userId: string | null): Buffer {
  return Buffer.concat(events.map((event) => eventFrame(event, userId)));
}

function eventFrame(event: ChatEvent, userId: string | null): Buffer {
  const author = authorOf(event);
  const audience = author !== null && author === userId ? 'author' : 'others';
  let frame = frames[audience].get(event);
  if (!frame) {
    frame = textFrame(JSON.stringify(eventOnWire(event, audience)));
    frames[audience].set(event, frame);
  }
  return frame;
}

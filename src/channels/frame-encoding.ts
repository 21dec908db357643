import { authorOf, type ChatEvent } from '../domain/log/chat-events.js';
import type { ChatSignal } from '../domain/signals.js';
import type { Audience } from '../wire/audience.js';
import { eventOnWire } from '../wire/event-on-wire.js';
import type { Frame } from '../wire/frame.js';
import { signalOnWire } from '../wire/signals.js';

/** The joined frames of a list of events for everybody but the authors, who are shown more. */
interface JoinedFrames {
  bytes: Buffer;
  authors: ReadonlySet<string>;
}

/** Encodes a frame for one transport, given its JSON text. Encoded frames can be sent joined. */
export type FrameEncoder = (frame: Pick<Frame, 'type' | 'cursor' | 'position'>, json: string) => Buffer;

/** An event's frame in any inbox: its JSON text up to the position, which differs between inboxes. */
interface InboxFrame {
  type: string;
  jsonBeforePosition: string;
}

/** How one transport encodes frames. All sockets of a transport share one. */
export class FrameEncoding {
  private readonly frames: Record<Audience, WeakMap<ChatEvent, Buffer>> = {
    author: new WeakMap(),
    others: new WeakMap(),
  };
  private readonly inboxFrames: Record<Audience, WeakMap<ChatEvent, InboxFrame>> = {
    author: new WeakMap(),
    others: new WeakMap(),
  };
  private readonly joined = new WeakMap<readonly ChatEvent[], JoinedFrames>();
  private readonly signals = new WeakMap<ChatSignal, Buffer>();
  /** A signal is of one chat. */
  private readonly inboxSignals = new WeakMap<ChatSignal, Buffer>();

  constructor(private readonly encode: FrameEncoder) {}

  frame(frame: Frame): Buffer {
    return this.encode(frame, JSON.stringify(frame));
  }

  /**
   * The frames of these events in one buffer, as this user may see them. All sockets of a chat get the same event objects in the same
   * array, so frames are encoded and joined once for all of them.
   */
  events(events: readonly ChatEvent[], userId: string): Buffer {
    const [first] = events;
    if (first && events.length === 1) return this.event(first, userId);
    let joined = this.joined.get(events);
    if (!joined) {
      const authors = events.map(authorOf).filter((author) => author !== null);
      joined = { bytes: this.join(events, null), authors: new Set(authors) };
      this.joined.set(events, joined);
    }
    return joined.authors.has(userId) ? this.join(events, userId) : joined.bytes;
  }

  /** The frame of a signal, which is the same for all who hear it. */
  signal(signal: ChatSignal): Buffer {
    return this.once(this.signals, signal, () => signalOnWire(signal));
  }

  /** The same in an inbox, which names the chat. */
  inboxSignal(chatId: string, signal: ChatSignal): Buffer {
    return this.once(this.inboxSignals, signal, () => ({ ...signalOnWire(signal), chatId }));
  }

  private once<Value extends object>(frames: WeakMap<Value, Buffer>, value: Value, frame: () => Frame): Buffer {
    let encoded = frames.get(value);
    if (!encoded) {
      encoded = this.frame(frame());
      frames.set(value, encoded);
    }
    return encoded;
  }

  /** The frame of an event in an inbox, which names the chat and the position that the client has with it. */
  inboxEvent(event: ChatEvent, userId: string, position: string): Buffer {
    const audience = audienceOf(event, userId);
    let frame = this.inboxFrames[audience].get(event);
    if (!frame) {
      const json = JSON.stringify({ ...eventOnWire(event, audience), chatId: event.chatId });
      frame = { type: event.type, jsonBeforePosition: json.slice(0, -1) };
      this.inboxFrames[audience].set(event, frame);
    }
    const { type, jsonBeforePosition } = frame;
    return this.encode({ type, position }, `${jsonBeforePosition},"position":"${position}"}`);
  }

  /** @param userId null for a user who owns none of these events */
  private join(events: readonly ChatEvent[], userId: string | null): Buffer {
    return Buffer.concat(events.map((event) => this.event(event, userId)));
  }

  private event(event: ChatEvent, userId: string | null): Buffer {
    const audience = audienceOf(event, userId);
    let frame = this.frames[audience].get(event);
    if (!frame) {
      frame = this.frame(eventOnWire(event, audience));
      this.frames[audience].set(event, frame);
    }
    return frame;
  }
}

function audienceOf(event: ChatEvent, userId: string | null): Audience {
  const author = authorOf(event);
  return author !== null && author === userId ? 'author' : 'others';
}

import type { ChatEvent } from './events.js';
import { type GraphqlMessage, type Message, messageFromGraphql } from './messages.js';
import { PINS } from './part-documents.js';
import { type Rereader, rereaderOf } from './rereader.js';
import type { Room } from './room.js';
import { type PartState, RoomPart } from './room-part.js';
import { applyToMessages, replaceMessage } from './timeline.js';

export interface PinsView extends PartState {
  /** The pinned messages, the newest pin first. A chat has at most 100. */
  readonly messages: readonly Message[];
}

interface Snapshot {
  cursor: string;
  messages: Message[];
}

/** The pinned messages of a chat. `room.pin()` and `room.unpin()` change them. */
export function openPins(room: Room): Pins {
  return new Pins(room);
}

/** The pins after an event. Pure. To apply the last events again changes nothing. */
export function reducePins(pins: readonly Message[], event: ChatEvent): readonly Message[] {
  const changed = applyToMessages(pins, event);
  if (!('message' in event) || event.type === 'message.created') return changed;
  const { message } = event;
  const others = changed.filter(({ id }) => id !== message.id);
  if (message.pinnedAt === null) return others.length === pins.length ? pins : others;
  const shown = changed.find(({ id }) => id === message.id) ?? message;
  // No two pins of a chat have the same time.
  return [...others, shown].sort((one, other) => ((one.pinnedAt ?? '') < (other.pinnedAt ?? '') ? 1 : -1));
}

/** The pins of a chat, kept up to date while somebody listens. */
export class Pins extends RoomPart<PinsView, Snapshot> {
  private readonly rereader: Rereader;

  constructor(room: Room) {
    super(room, { status: 'loading', error: null, messages: [] });
    this.rereader = rereaderOf(
      room.id,
      room.context,
      (id) => this.get().messages.find((message) => message.id === id),
      (message) => this.show(replaceMessage(this.get().messages, message)),
    );
  }

  protected async load(): Promise<Snapshot> {
    const { chat } = await this.request<{ chat: { cursor: string; pins: GraphqlMessage[] } }>(PINS);
    return { cursor: chat.cursor, messages: chat.pins.map(messageFromGraphql) };
  }

  protected loaded({ messages }: Snapshot): void {
    this.show(messages);
  }

  protected apply(event: ChatEvent): void {
    this.show(reducePins(this.get().messages, event));
    this.rereader.check(event);
  }

  private show(messages: readonly Message[]): void {
    if (messages !== this.get().messages) this.store.set({ ...this.get(), messages });
  }
}

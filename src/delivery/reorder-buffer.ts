import { type ChatEvent, sizeOfEvent } from '../domain/log/chat-events.js';
import type { EventHolder, Replace } from './event-holder.js';

/** Events that do not fit are read from the log when their turn comes. */
const MAX_EVENTS = 1024;
const MAX_CHARACTERS = 512 * 1024;

/** Events that arrived before their predecessors, bounded in number and size. */
export class ReorderBuffer implements EventHolder {
  private readonly bySeq = new Map<number, ChatEvent>();
  private contentCharacters = 0;

  /** Characters held, in UTF-16 units (`sizeOfMessage`). */
  get characters(): number {
    return this.contentCharacters;
  }

  get size(): number {
    return this.bySeq.size;
  }

  /** Adds an event, and replaces one of the same number. Drops it when the buffer is full. */
  add(event: ChatEvent): void {
    this.take(event.seq);
    if (this.bySeq.size >= MAX_EVENTS || this.contentCharacters + sizeOfEvent(event) > MAX_CHARACTERS) return;
    this.bySeq.set(event.seq, event);
    this.contentCharacters += sizeOfEvent(event);
  }

  /** Drops a replaced event that does not fit any more. It is read from the log when its turn comes. */
  replace(replace: Replace): void {
    for (const event of [...this.bySeq.values()]) {
      const replaced = replace(event);
      if (replaced !== event) this.add(replaced);
    }
  }

  take(seq: number): ChatEvent | undefined {
    const event = this.bySeq.get(seq);
    if (!event) return undefined;
    this.bySeq.delete(seq);
    this.contentCharacters -= sizeOfEvent(event);
    return event;
  }

  dropUpTo(seq: number): void {
    for (const heldSeq of this.bySeq.keys()) if (heldSeq <= seq) this.take(heldSeq);
  }

  /** Drops the events with erased contents. They are read from the log when their turn comes. */
  erase(isErased: (event: ChatEvent) => boolean): void {
    for (const [seq, event] of this.bySeq) if (isErased(event)) this.take(seq);
  }

  clear(): void {
    this.bySeq.clear();
    this.contentCharacters = 0;
  }
}

import { type ChatEvent, sizeOfEvent } from '../domain/log/chat-events.js';
import type { EventHolder, Replace } from './event-holder.js';

const MAX_EVENTS = 256;
const MAX_CHARACTERS = 256 * 1024;

/**
 * A chat's newest events, without a gap: a consumer that is a little behind needs no database. When it reaches twice the maximum
 * number or size it is cut to the maximum.
 */
export class RecentEvents implements EventHolder {
  private events: ChatEvent[] = [];
  private contentCharacters = 0;

  /** @param start every event held has a higher number */
  constructor(private start: number) {}

  /** Characters held, in UTF-16 units (`sizeOfMessage`). */
  get characters(): number {
    return this.contentCharacters;
  }

  get size(): number {
    return this.events.length;
  }

  add(event: ChatEvent): void {
    this.events.push(event);
    this.contentCharacters += sizeOfEvent(event);
    this.bound();
  }

  replace(replace: Replace): void {
    for (const [index, event] of this.events.entries()) {
      const replaced = replace(event);
      if (replaced === event) continue;
      this.events[index] = replaced;
      this.contentCharacters += sizeOfEvent(replaced) - sizeOfEvent(event);
    }
    this.bound();
  }

  /** All events after `seq`; undefined when some of them are not held any more. */
  since(seq: number): ChatEvent[] | undefined {
    if (seq < this.start) return undefined;
    return this.events.slice(this.events.findLastIndex((event) => event.seq <= seq) + 1);
  }

  dropUpTo(seq: number): void {
    if (seq <= this.start) return;
    this.drop(this.events.findLastIndex((event) => event.seq <= seq) + 1);
    this.start = seq;
  }

  /** Drops the newest event with erased contents and all events before it, so that no gap is left. */
  erase(isErased: (event: ChatEvent) => boolean): void {
    const newest = this.events.findLast(isErased);
    if (newest) this.dropUpTo(newest.seq);
  }

  private bound(): void {
    if (this.events.length >= 2 * MAX_EVENTS || this.contentCharacters >= 2 * MAX_CHARACTERS) this.cut();
  }

  private cut(): void {
    let surplus = 0;
    let characters = this.contentCharacters;
    for (const event of this.events) {
      if (this.events.length - surplus <= MAX_EVENTS && characters <= MAX_CHARACTERS) break;
      surplus += 1;
      characters -= sizeOfEvent(event);
    }
    this.start = this.events[surplus - 1]?.seq ?? this.start;
    this.drop(surplus);
  }

  private drop(count: number): void {
    for (const event of this.events.splice(0, count)) this.contentCharacters -= sizeOfEvent(event);
  }
}

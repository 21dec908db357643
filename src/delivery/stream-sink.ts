import type { ChatEvent } from '../domain/log/chat-events.js';
import type { Cursor } from '../domain/log/cursor.js';
import type { ChatSignal } from '../domain/signals.js';
import type { EventHolder } from './event-holder.js';

/**
 * - `removed`: the viewer was removed from the chat; that event was the last one delivered.
 * - `deleted`: the chat was deleted; that event was the last one delivered.
 * - `not_found`: the chat does not exist any more, or the viewer may not reach it after its history was replaced.
 * - `failed`: our fault. The client may resume.
 */
export type StreamEnd = 'removed' | 'deleted' | 'not_found' | 'failed';

/**
 * The consumer of a stream. When a method throws, the stream ends with `failed`. The events that it holds are replaced when their
 * messages change, until the stream is closed.
 */
export interface StreamSink extends EventHolder {
  /** Whether events that were delivered wait here. */
  readonly holdsEvents: boolean;
  /**
   * Takes consecutive events, 16 at most, all of them. Other sinks may get the same array. Returns false when the sink is full: the
   * stream then keeps nothing in memory and waits for `resume()`.
   */
  deliver(events: readonly ChatEvent[]): boolean;
  /**
   * Takes a signal of the chat, or drops it when it is full. A stream whose sink has this method hears signals while it is live: none that
   * came after an event which ends the stream, and no typing of its own viewer.
   */
  signal?(signal: ChatSignal): void;
  /**
   * Whether the sink takes events now. A stream whose sink does not waits for `resume()`, as after `deliver` has returned false. For a
   * sink that several streams share; default: yes.
   */
  readonly canTake?: boolean;
  /** The history up to `cursor` was delivered; live events follow. Called once, and once more after each `reset`. */
  live(cursor: Cursor): void;
  /** The cursor is of another history, or of a number that this one has not reached. The stream continues after `cursor`. */
  reset(cursor: Cursor): void;
  /** The last delivery. A sink that holds events closes the stream when it holds none any more. */
  end(reason: StreamEnd): void;
}

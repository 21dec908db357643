import type { EventEmitter } from 'node:events';
import { DomainError } from '../../domain/errors.js';
import { Places } from '../limits/places.js';
import { FrameRate, type FrameRateLimit } from './frame-rate.js';

const RETRY_AFTER_MS = 1000;

/** A socket of node:net, which says whether it is gone, or a WebSocket that is open. */
interface Connection extends EventEmitter {
  readonly destroyed?: boolean;
}

/** What each user has open in this process, over both endpoints: how many sockets, and one rate of frames for them all. */
export class UserSockets {
  private readonly places: Places;
  private readonly rates = new Map<string, { rate: FrameRate; sockets: number }>();

  constructor(
    maxSockets: number,
    private readonly frameRate: FrameRateLimit,
  ) {
    this.places = new Places(maxSockets);
  }

  /** Takes a place until `connection` is closed, none if it is. @throws DomainError `RATE_LIMITED` when they are all taken. */
  claim(holder: string, connection: Connection): void {
    // Who has gone while the token was looked up: its `close` was before.
    if (connection.destroyed) return;
    if (!this.places.take(holder)) throw tooManySockets();
    const entry = this.rates.get(holder) ?? { rate: new FrameRate(this.frameRate), sockets: 0 };
    entry.sockets += 1;
    this.rates.set(holder, entry);
    connection.once('close', () => {
      this.places.release(holder);
      entry.sockets -= 1;
      if (entry.sockets === 0) this.rates.delete(holder);
    });
  }

  /** What the frames of this user's sockets are counted by; undefined when none has a place. */
  rateOf(holder: string): FrameRate | undefined {
    return this.rates.get(holder)?.rate;
  }
}

export function tooManySockets(): DomainError {
  return new DomainError('RATE_LIMITED', 'Too many WebSockets are open.', { retryAfterMs: RETRY_AFTER_MS });
}

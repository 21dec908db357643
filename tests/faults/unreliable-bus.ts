import type { Random } from './random.js';
import { isPublished, RespFrames } from './resp-frames.js';
import type { Alteration } from './tcp-proxy.js';

/** What becomes of the messages of the bus: probabilities from 0 to 1. */
export interface Disturbance {
  loss: number;
  repetition: number;
  /** How many are held back, for up to 40 ms, so that later ones overtake them. */
  delay: number;
}

const UNDISTURBED: Disturbance = { loss: 0, repetition: 0, delay: 0 };
const MAX_DELAY_MS = 40;

/**
 * Loses, repeats and reorders what Redis hands to a subscriber, for a proxy between the two. The messages are real ones of
 * a real Redis, whole, and everything else on the connection (answers, pings) stays as it is: this is what at-most-once
 * may look like, and worse.
 */
export class UnreliableBus {
  disturbance = UNDISTURBED;
  /** Messages that were lost, repeated or held back so far. */
  disturbed = 0;

  constructor(private readonly random: Random) {}

  readonly alteration: Alteration = (deliver) => {
    const frames = new RespFrames();
    return (bytes) => {
      for (const value of frames.push(bytes)) {
        if (isPublished(value)) this.pass(value, deliver);
        else deliver(value);
      }
    };
  };

  private pass(message: Buffer, deliver: (bytes: Buffer) => void): void {
    const { loss, repetition, delay } = this.disturbance;
    if (this.happens(loss)) return;
    if (this.happens(repetition)) this.later(message, deliver);
    if (this.happens(delay)) this.later(message, deliver);
    else deliver(message);
  }

  private happens(probability: number): boolean {
    const happens = this.random.chance(probability);
    if (happens) this.disturbed += 1;
    return happens;
  }

  private later(message: Buffer, deliver: (bytes: Buffer) => void): void {
    // A connection that is gone by then takes nothing any more.
    setTimeout(deliver, this.random.int(1, MAX_DELAY_MS), message);
  }
}

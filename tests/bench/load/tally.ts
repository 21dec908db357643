import { Histogram } from './histogram.js';
import type { Outcome } from './job.js';

/** A message that is missing, refused, repeated or wrong: the whole run counts for nothing. */
export class InvalidRun extends Error {
  override readonly name = 'InvalidRun';
}

/** What all sockets of a job have seen together. */
export class Tally {
  messages = 0;
  deliveries = 0;
  /** Sockets that hear something. */
  opened = 0;
  /** Sockets that were opened, where that is what is measured. */
  connected = 0;
  outOfOrder = 0;
  acknowledged = 0;
  readonly delivery = new Histogram();
  readonly answer = new Histogram();
  /** Rejects at the first thing that makes the run invalid. */
  readonly invalid: Promise<never>;
  readonly invalidate: (reason: string) => void;
  private progress = 0;

  constructor() {
    let reject: (error: InvalidRun) => void = () => {};
    this.invalid = new Promise((_resolve, settle) => {
      reject = settle;
    });
    this.invalid.catch(() => {});
    this.invalidate = (reason) => reject(new InvalidRun(reason));
  }

  /** From here on the figures count. */
  restart(): void {
    this.messages = 0;
    this.deliveries = 0;
    this.delivery.clear();
    this.answer.clear();
  }

  outcome(): Outcome {
    const { messages, deliveries, connected, outOfOrder, acknowledged } = this;
    return {
      messages,
      deliveries,
      connected,
      outOfOrder,
      acknowledged,
      delivery: this.delivery.percentiles(),
      answer: this.answer.percentiles(),
    };
  }

  /** False when nothing has happened since the last time this was asked. */
  hasProgressed(): boolean {
    const progress = this.messages + this.deliveries + this.opened + this.connected + this.acknowledged;
    const hasMoved = progress !== this.progress;
    this.progress = progress;
    return hasMoved;
  }
}

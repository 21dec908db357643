import type { Stories } from './stories.js';

export interface Delivery {
  chat: string;
  listener: string;
  seq: number;
  /** When the message was acknowledged to its sender. */
  at: number;
  /** From there to the listener, in milliseconds; 0 for one that came before. */
  ms: number;
}

/** A stream that began less than this before a message may still be reading history. Milliseconds. */
const SETTLING_MS = 1000;
/** What each message of the history adds to that, on a machine that does everything at once. Milliseconds. */
const PER_MISSED_MS = 5;

/**
 * How long messages took to those who listened: messages that were acknowledged in this time at the first attempt, and
 * connections that had the chat a second before, or longer with a long history, and that nothing disturbed.
 */
export function deliveriesDuring(stories: Stories, from: number, to: number): Delivery[] {
  const sent = new Map<string, number>();
  for (const { chat, attempts, acknowledged } of stories.sends.values())
    if (acknowledged && attempts.length === 1 && acknowledged.at >= from && acknowledged.at < to)
      sent.set(`${chat} ${acknowledged.seq}`, acknowledged.at);
  const disturbed = new Set(stories.faults.flatMap(({ listeners }) => listeners));
  const deliveries: Delivery[] = [];
  for (const { listener, openedAt, sightings } of stories.sights) {
    if (disturbed.has(listener)) continue;
    const missed = sightings.filter(({ chat, change }) => isBefore(stories.acknowledgedAt(chat, change.seq), openedAt));
    const settlingMs = SETTLING_MS + PER_MISSED_MS * missed.length;
    for (const { chat, since, change } of sightings) {
      const { seq } = change;
      const at = sent.get(`${chat} ${seq}`);
      if (at === undefined || since + settlingMs > at) continue;
      deliveries.push({ chat, listener, seq, at, ms: Math.max(0, change.at - at) });
    }
  }
  return deliveries;
}

function isBefore(at: number | undefined, time: number): boolean {
  return at !== undefined && at < time;
}

/** The value that so many (0..1) are not above; 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Milliseconds. */
export interface Latency {
  median: number;
  worst: number;
}

export function latencyOf(deliveries: readonly Delivery[]): Latency {
  const times = deliveries.map(({ ms }) => ms);
  return { median: percentile(times, 0.5), worst: percentile(times, 1) };
}

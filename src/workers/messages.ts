import type { Metric } from '../plugins/metrics/metric.js';

/** What a worker tells the supervisor. */
export type FromWorker =
  /** It answers requests. */
  | { type: 'ready' }
  /** It wants the metrics of all workers. */
  | { type: 'gather'; id: number }
  /** Its own metrics, as they were asked for. */
  | { type: 'metrics'; id: number; metrics: Metric[] }
  /** What it has counted in all, before it ends. */
  | { type: 'last'; metrics: Metric[] };

/** What the supervisor tells a worker. */
export type ToWorker =
  /** Another worker has taken its place: end without a failed request. */
  | { type: 'retire' }
  /** The service ends. */
  | { type: 'end' }
  | { type: 'metrics'; id: number }
  | { type: 'gathered'; id: number; metrics: Metric[][] };

/** Whether a message between processes is one of ours: Node.js sends messages of its own. */
export function isMessage(message: unknown): message is { type: string } {
  return typeof message === 'object' && message !== null && 'type' in message && typeof message.type === 'string';
}

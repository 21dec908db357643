import { AggregatorRegistry } from 'prom-client';
import type { Metric } from './metric.js';

/** A text in Prometheus' format, and its media type. */
export interface Exposition {
  text: string;
  contentType: string;
}

/** Adds up the metrics of several processes and writes them. A module of its own, since few services load it. */
export async function exposition(processes: readonly Metric[][]): Promise<Exposition> {
  const registry = AggregatorRegistry.aggregate([...processes]);
  return { text: await registry.metrics(), contentType: registry.contentType };
}

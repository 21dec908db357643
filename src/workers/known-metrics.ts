import type { Metric } from '../plugins/metrics/metric.js';

/**
 * What workers have told of themselves. What rises goes on from a worker that has ended and from one that does not answer: a sum that falls would
 * look like a restart to Prometheus, which would count all of what is left as new.
 */
export class KnownMetrics {
  /** The newest of each worker that lives. */
  private readonly told = new Map<number, Metric[]>();
  /** The sum of those that have ended. */
  private ended: Metric[] = [];

  /** @param worker the id of a process; no other has had it */
  add(worker: number, metrics: Metric[]): void {
    this.told.set(worker, metrics);
  }

  end(worker: number): void {
    const last = this.told.get(worker);
    this.told.delete(worker);
    if (last) this.ended = added(this.ended, last.filter(rises));
  }

  /** @param fresh the workers that have just told them; of the others only what rises counts */
  all(fresh: ReadonlySet<number>): Metric[][] {
    const living = [...this.told].map(([worker, metrics]) => (fresh.has(worker) ? metrics : metrics.filter(rises)));
    return [...living, this.ended];
  }
}

function rises({ type }: Metric): boolean {
  return type !== 'gauge';
}

function added(some: readonly Metric[], more: readonly Metric[]): Metric[] {
  const sums = new Map(some.map((metric) => [metric.name, metric]));
  for (const metric of more) {
    const before = sums.get(metric.name);
    sums.set(metric.name, before ? { ...metric, values: valuesAdded(before.values, metric.values) } : metric);
  }
  return [...sums.values()];
}

function valuesAdded(some: Metric['values'], more: Metric['values']): Metric['values'] {
  const sums = new Map(some.map((value) => [keyOf(value), value]));
  for (const value of more) {
    const key = keyOf(value);
    sums.set(key, { ...value, value: value.value + (sums.get(key)?.value ?? 0) });
  }
  return [...sums.values()];
}

/** Labels of one metric are always in the same order. */
function keyOf({ labels, metricName }: Metric['values'][number]): string {
  return JSON.stringify([metricName, labels]);
}

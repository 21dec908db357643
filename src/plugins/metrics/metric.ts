import type { Distribution } from '../../domain/counts.js';

export type Labels = Readonly<Record<string, string | number>>;

/** A metric and its values, as JSON: what prom-client's `AggregatorRegistry` takes. */
export interface Metric {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  /** How the values of several processes become one. */
  aggregator: 'sum' | 'max' | 'min' | 'first';
  values: { labels: Labels; value: number; metricName?: string }[];
}

export type Value = readonly [labels: Labels, value: number];

/** A number that only rises while the process runs. Its name ends with `_total`. */
export function counter(name: string, help: string, values: number | Iterable<Value>): Metric {
  return { name, help, type: 'counter', aggregator: 'sum', values: labelled(values) };
}

export function gauge(
  name: string,
  help: string,
  values: number | Iterable<Value>,
  aggregator: Metric['aggregator'] = 'sum',
): Metric {
  return { name, help, type: 'gauge', aggregator, values: labelled(values) };
}

export function histogram(
  name: string,
  help: string,
  distributions: Distribution | Iterable<readonly [Labels, Distribution]>,
): Metric {
  const list = 'bounds' in distributions ? [[{}, distributions] as const] : [...distributions];
  const values = list.flatMap(([labels, distribution]) => bucketsOf(name, labels, distribution));
  return { name, help, type: 'histogram', aggregator: 'sum', values };
}

function labelled(values: number | Iterable<Value>): Metric['values'] {
  if (typeof values === 'number') return [{ labels: {}, value: values }];
  return [...values].map(([labels, value]) => ({ labels, value }));
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/#histograms-and-summaries */
function bucketsOf(name: string, labels: Labels, { bounds, counts, sum }: Distribution): Metric['values'] {
  let count = 0;
  const buckets = counts.map((inBucket, place) => {
    count += inBucket;
    return { labels: { ...labels, le: bounds[place] ?? '+Inf' }, value: count, metricName: `${name}_bucket` };
  });
  return [
    ...buckets,
    { labels, value: sum, metricName: `${name}_sum` },
    { labels, value: count, metricName: `${name}_count` },
  ];
}

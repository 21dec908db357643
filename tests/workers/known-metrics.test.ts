import { describe, expect, it } from 'vitest';
import { Distribution } from '../../src/domain/counts.js';
import { exposition } from '../../src/plugins/metrics/exposition.js';
import { counter, gauge, histogram } from '../../src/plugins/metrics/metric.js';
import { KnownMetrics } from '../../src/workers/known-metrics.js';

/** What a worker tells that has counted so much. */
function told(count: number) {
  const sizes = new Distribution([1, 10]);
  for (let each = 0; each < count; each += 1) sizes.record(each);
  return [
    counter('chat_done_total', 'Done.', [[{ kind: 'a' }, count]]),
    gauge('chat_open', 'Open.', count),
    histogram('chat_sizes', 'Sizes.', sizes),
  ];
}

async function sums(known: KnownMetrics, fresh: number[]) {
  const { text } = await exposition(known.all(new Set(fresh)));
  const value = (name: string) =>
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1];
  return {
    done: value('chat_done_total{kind="a"}'),
    open: value('chat_open'),
    sizes: [value('chat_sizes_bucket{le="1"}'), value('chat_sizes_bucket{le="+Inf"}'), value('chat_sizes_count')],
  };
}

describe('what is known of workers', () => {
  it('is the sum of what they tell', async () => {
    const known = new KnownMetrics();
    known.add(1, told(3));
    known.add(2, told(4));
    expect(await sums(known, [1, 2])).toEqual({ done: '7', open: '7', sizes: ['4', '7', '7'] });
  });

  it('keeps of one that has ended what it counted, and not what it had open', async () => {
    const known = new KnownMetrics();
    known.add(1, told(3));
    known.add(2, told(4));
    known.end(1);
    expect(await sums(known, [2])).toEqual({ done: '7', open: '4', sizes: ['4', '7', '7'] });
    known.add(3, told(1));
    known.end(2);
    expect(await sums(known, [3])).toEqual({ done: '8', open: '1', sizes: ['5', '8', '8'] });
  });

  it('counts for one that does not answer what it last told', async () => {
    const known = new KnownMetrics();
    known.add(1, told(3));
    known.add(2, told(4));
    expect(await sums(known, [2])).toEqual({ done: '7', open: '4', sizes: ['4', '7', '7'] });
  });

  it('is nothing of one that ended before it told anything', async () => {
    const known = new KnownMetrics();
    known.end(1);
    known.add(2, told(4));
    expect(await sums(known, [2])).toMatchObject({ done: '4' });
  });
});

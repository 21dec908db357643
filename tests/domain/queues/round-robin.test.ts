import { expect, it } from 'vitest';
import { RoundRobin } from '../../../src/domain/queues/round-robin.js';

/** The items in the order in which they leave. */
function drain<Item>(queue: RoundRobin<string, Item>): Item[] {
  const items: Item[] = [];
  queue.serve((item) => {
    items.push(item);
    return true;
  });
  return items;
}

it('owners take turns, and the items of one owner keep their order', () => {
  const queue = new RoundRobin<string, string>();
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.add(item.charAt(0), item);
  expect([queue.next(), queue.next()]).toEqual(['a1', 'b1']);
  expect(drain(queue)).toEqual(['c1', 'a2', 'c2', 'a3']);
  expect([queue.next(), queue.size]).toEqual([undefined, 0]);
});

it('serves until its caller has enough', () => {
  const queue = new RoundRobin<string, string>();
  for (const item of ['a1', 'a2', 'b1']) queue.add(item.charAt(0), item);
  const taken: string[] = [];
  queue.serve((item) => taken.push(item) < 2);
  expect([taken, queue.size]).toEqual([['a1', 'b1'], 1]);
});

it('limits the items and bytes of one owner, whose first item may have any size', () => {
  const queue = new RoundRobin<string, number>({ count: 2, bytes: 10 }, (bytes) => bytes);
  expect([queue.add('a', 50), queue.add('a', 1), queue.hasRoom('a', 1)]).toEqual([true, false, false]);
  expect([queue.add('b', 4), queue.add('b', 7), queue.add('b', 6), queue.add('b', 0)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect([queue.size, queue.bytes]).toEqual([3, 60]);
  expect(drain(queue)).toEqual([50, 4, 6]);
  expect([queue.size, queue.bytes, queue.hasRoom('b', 10)]).toEqual([0, 0, true]);
});

it('drops the oldest items that are over, and takes the newest item of the owner with most', () => {
  const queue = new RoundRobin<string, number>(undefined, (bytes) => bytes);
  for (const item of [1, 2, 3, 1]) queue.add('a', item);
  queue.add('b', 1);
  for (const item of [5, 6]) queue.add('c', item);
  queue.dropOldest((item) => item < 3);
  expect([queue.size, queue.bytes]).toEqual([4, 15]);
  expect(queue.takeNewestOfLongest()).toBe(6);
  expect(queue.takeNewestOfLongest()).toBe(1);
  expect(drain(queue)).toEqual([3, 5]);
  expect(queue.takeNewestOfLongest()).toBeUndefined();
});

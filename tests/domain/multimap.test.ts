import { expect, it } from 'vitest';
import { Multimap } from '../../src/domain/multimap.js';

it('a multimap returns the items of one key, and keeps no key without items', () => {
  const multimap = new Multimap<number>();
  multimap.add('ann', 1);
  multimap.add('ann', 2);
  multimap.add('bob', 2);
  expect([multimap.get('ann'), multimap.get('bob'), multimap.get('cid')]).toEqual([[1, 2], [2], []]);
  for (const item of multimap.get('ann')) multimap.delete('ann', item);
  multimap.delete('ann', 1);
  multimap.delete('cid', 1);
  expect([multimap.get('ann'), multimap.get('bob'), multimap.size]).toEqual([[], [2], 1]);
});

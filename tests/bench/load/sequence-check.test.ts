import { expect, test } from 'vitest';
import { SequenceCheck } from './sequence-check.js';

function complaints(ordered: boolean, numbers: readonly number[]): (string | undefined)[] {
  const check = new SequenceCheck(ordered);
  check.next = 5;
  return numbers.map((number) => check.take(number));
}

test('Where the order is promised, a hole, a repetition and a swap are each seen', () => {
  expect(complaints(true, [5, 6, 7])).toEqual([undefined, undefined, undefined]);
  expect(complaints(true, [5, 7]).at(-1)).toBe('number 7 came where 6 was due');
  expect(complaints(true, [5, 5]).at(-1)).toMatch('number 5 came twice');
  expect(complaints(true, [6]).at(-1)).toBe('number 6 came where 5 was due');
});

test('Where it is not, a swap is counted, a repetition is seen, and a hole leaves it incomplete', () => {
  const check = new SequenceCheck(false);
  check.next = 5;
  expect([6, 5, 7].map((number) => check.take(number))).toEqual([undefined, undefined, undefined]);
  expect([check.outOfOrder, check.isComplete(7)]).toEqual([1, true]);
  expect(check.take(9)).toBeUndefined();
  expect(check.take(9)).toMatch('number 9 came twice');
  expect(check.isComplete(9)).toBe(false);
});

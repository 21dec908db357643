import { expect, test } from 'vitest';
import { senderOf } from './sends-crowd.js';

test('A thousand sends are by a thousand people into a thousand chats', () => {
  const sends = Array.from({ length: 1000 }, (_, turn) => senderOf(turn, 1000, 1000));
  expect(new Set(sends.map(({ roomIndex }) => roomIndex)).size).toBe(1000);
  expect(new Set(sends.map(({ personIndex }) => personIndex)).size).toBe(1000);
});

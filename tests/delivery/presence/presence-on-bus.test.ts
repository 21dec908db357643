import { expect, it } from 'vitest';
import { MalformedPayload } from '../../../src/delivery/payload.js';
import {
  MAX_ENTRIES,
  type PresenceMessage,
  parsePresence,
  presencePayload,
} from '../../../src/delivery/presence/presence-on-bus.js';

const process = crypto.randomUUID();
const silent = { process, n: 1, entries: [], begins: false, ends: false, asks: [], isLeaving: false };

it.each<PresenceMessage>([
  silent,
  { ...silent, n: 9, begins: true, ends: true, asks: 'all', isLeaving: true },
  { ...silent, asks: [crypto.randomUUID()] },
  {
    ...silent,
    entries: [
      { userId: crypto.randomUUID(), isOnline: true, minute: 29_000_000, choice: 'automatic', chosenAt: 0 },
      { userId: crypto.randomUUID(), isOnline: false, minute: 0, choice: 'invisible', chosenAt: Date.now() },
    ],
  },
])('is read as it was said: %j', (message) => {
  expect(parsePresence(presencePayload(message))).toEqual(message);
});

it('fits into a payload, however many users it has', () => {
  const entry = { isOnline: true, minute: 29_000_000, choice: 'invisible', chosenAt: Date.now() } as const;
  const entries = Array.from({ length: MAX_ENTRIES }, () => ({ userId: crypto.randomUUID(), ...entry }));
  const payload = presencePayload({ ...silent, entries });
  expect(payload.length).toBeLessThan(524_288);
  expect(parsePresence(payload).entries).toHaveLength(MAX_ENTRIES);
});

const good = { process, n: 1, users: [], asks: [] };
it.each<object>([
  {},
  { ...good, process: 'x' },
  { ...good, n: -1 },
  { ...good, users: {} },
  { ...good, users: [[]] },
  { ...good, users: [['x', 1, 0]] },
  { ...good, users: [[process, 1, -1]] },
  { ...good, users: [[process, 1, 0, 7, 1]] },
  { ...good, users: Array(MAX_ENTRIES + 1).fill([process, 1, 0]) },
  { ...good, asks: 'some' },
  { ...good, asks: ['x'] },
])('is refused: %j', (content) => {
  expect(() => parsePresence(JSON.stringify(content))).toThrow(MalformedPayload);
});

it('leaves out what a later version adds', () => {
  const payload = JSON.stringify({ ...good, users: [[process, 1, 5, 1, 9, 'more']], more: true });
  expect(parsePresence(payload)).toEqual({
    ...silent,
    entries: [{ userId: process, isOnline: true, minute: 5, choice: 'away', chosenAt: 9 }],
  });
});

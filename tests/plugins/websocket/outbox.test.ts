import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { FlushScheduler } from '../../../src/delivery/flush-scheduler.js';
import { Outbox } from '../../../src/plugins/websocket/outbox.js';
import { UnsentBytes } from '../../../src/plugins/websocket/unsent-bytes.js';

const KIBIBYTE = 1024;

/** An outbox on a connection whose writes end when the test says so. */
function setUp() {
  const written: Buffer[] = [];
  const ends: (() => void)[] = [];
  let rooms = 0;
  const connection = new Writable({
    write(chunk, _encoding, done) {
      // An empty one only waits for those before it.
      if (chunk.length === 0) return done();
      written.push(chunk);
      ends.push(done);
    },
  });
  const outbox = new Outbox(connection, new FlushScheduler(), () => {
    rooms += 1;
  });
  const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
  return {
    outbox,
    written,
    rooms: () => rooms,
    turn,
    async endWrite() {
      ends.shift()?.();
      await turn();
    },
  };
}

const frame = (kibibytes: number, letter = 'x') => Buffer.alloc(kibibytes * KIBIBYTE, letter);

it('frames of one turn make one write, and what comes while it is under way joins the next', async () => {
  const { outbox, written, turn, endWrite } = setUp();
  for (const text of ['a', 'b', 'c']) outbox.push(Buffer.from(text));
  expect(written).toEqual([]);
  await turn();
  for (const text of ['d', 'e']) outbox.push(Buffer.from(text));
  await turn();
  expect(written.map(String)).toEqual(['abc']);
  await endWrite();
  expect(written.map(String)).toEqual(['abc', 'de']);
});

it('a write takes whole frames of 64 KiB together, and one frame that is larger', async () => {
  const { outbox, written, turn, endWrite } = setUp();
  for (const kibibytes of [30, 30, 30, 200, 1]) outbox.push(frame(kibibytes));
  await turn();
  for (let count = 0; count < 3; count += 1) await endWrite();
  expect(written.map((bytes) => bytes.length / KIBIBYTE)).toEqual([60, 30, 200, 1]);
  await endWrite();
  expect(outbox.unsentBytes).toBe(0);
});

it('is full with a mebibyte and has room again with half of it, once', async () => {
  const { outbox, rooms, turn, endWrite } = setUp();
  for (let count = 0; count < 16; count += 1) {
    expect(outbox.hasRoom).toBe(true);
    outbox.push(frame(64));
  }
  expect(outbox.hasRoom).toBe(false);
  await turn();
  for (let count = 0; count < 7; count += 1) await endWrite();
  expect([outbox.hasRoom, rooms()]).toEqual([false, 0]);
  await endWrite();
  expect([outbox.hasRoom, rooms()]).toEqual([true, 1]);
  for (let count = 0; count < 8; count += 1) await endWrite();
  expect([outbox.unsentBytes, rooms()]).toEqual([0, 1]);
});

it('stands still when it is full and its write does not end, not while writes end', async () => {
  const { outbox, turn, endWrite } = setUp();
  outbox.push(frame(64));
  await turn();
  const now = performance.now();
  expect(outbox.isStalled(now + 60_000, 10_000)).toBe(false);
  for (let count = 0; count < 16; count += 1) outbox.push(frame(64));
  expect(outbox.isStalled(now + 10_000, 10_000)).toBe(true);
  await endWrite();
  // The same moment, asked again: the write that is under way now began after `now`.
  expect(outbox.isStalled(now + 10_000, 10_000)).toBe(false);
});

it('hands over all at once, with a write under way, so that what is written past it comes after', async () => {
  const { outbox, written, turn, endWrite } = setUp();
  outbox.push(Buffer.from('a'));
  await turn();
  outbox.push(Buffer.from('b'));
  outbox.push(Buffer.from('c'));
  outbox.flushAll();
  expect(outbox.unsentBytes).toBe(3);
  await endWrite();
  await endWrite();
  expect(written.map(String)).toEqual(['a', 'bc']);
  expect(outbox.unsentBytes).toBe(0);
});

it('forgets what no write has taken', async () => {
  const { outbox, written, turn, endWrite } = setUp();
  outbox.push(Buffer.from('a'));
  await turn();
  outbox.push(Buffer.from('b'));
  outbox.clear();
  await endWrite();
  expect(written.map(String)).toEqual(['a']);
  expect(outbox.unsentBytes).toBe(0);
});

it('has room for less while the sum that it is part of is over its budget, and leaves the sum with what it sent', async () => {
  const sum = new UnsentBytes(100 * KIBIBYTE);
  const [one, other] = [setUp(), setUp()];
  one.outbox.setBudgets([sum]);
  other.outbox.setBudgets([sum]);
  // Two writes each: the first is under way, and what comes after it is what the peer is too slow for.
  for (const { outbox, turn } of [one, other]) {
    outbox.push(frame(1));
    await turn();
  }
  one.outbox.push(frame(90));
  other.outbox.push(frame(70));
  expect([one.outbox.hasRoom, other.outbox.hasRoom, sum.isExceeded]).toEqual([true, false, true]);
  one.outbox.push(frame(1));
  expect(one.outbox.hasRoom).toBe(false);
  one.outbox.close();
  expect(sum.isExceeded).toBe(false);
  await other.endWrite();
  await other.endWrite();
  await other.endWrite();
  expect([other.outbox.hasRoom, other.outbox.unsentBytes]).toEqual([true, 0]);
});

it('is overfull when answers that nobody reads come to more than it may hold', async () => {
  const { outbox, turn } = setUp();
  outbox.push(frame(1));
  await turn();
  for (let count = 0; count < 20; count += 1) outbox.push(frame(1024));
  expect(outbox.isOverfull).toBe(true);
});

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { assertProperty } from '../support/property.js';
import { Random } from './random.js';
import { isPublished, RespFrames } from './resp-frames.js';
import { UnreliableBus } from './unreliable-bus.js';

const published = (text: string) => `>3\r\n$7\r\nmessage\r\n$4\r\nchat\r\n$${Buffer.byteLength(text)}\r\n${text}\r\n`;

/** What a Redis says to a client that asks for RESP3, subscribes and pings. */
const CONVERSATION = [
  '%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nmodules\r\n*0\r\n',
  "-ERR unknown subcommand 'SETINFO'. Try CLIENT HELP.\r\n",
  '>3\r\n$9\r\nsubscribe\r\n$4\r\nchat\r\n:1\r\n',
  published('one\r\n>3\r\n'),
  '+PONG\r\n',
  published('zwei 💬'),
  '$-1\r\n',
  '*2\r\n:1\r\n*1\r\n#t\r\n',
  published(''),
];

describe('RespFrames', () => {
  it('finds the same values however the bytes were cut', { retry: 0 }, async () => {
    const bytes = Buffer.from(CONVERSATION.join(''));
    await assertProperty(
      fc.property(fc.array(fc.integer({ min: 0, max: bytes.length })), (cuts) => {
        const frames = new RespFrames();
        const ends = [...cuts.sort((a, b) => a - b), bytes.length];
        const values = ends.flatMap((end, index) => frames.push(bytes.subarray(ends[index - 1] ?? 0, end)));
        expect(values.map(String)).toEqual(CONVERSATION);
      }),
    );
  });

  it('tells what was published from answers', () => {
    expect(CONVERSATION.map((value) => isPublished(Buffer.from(value)))).toEqual(
      CONVERSATION.map((value) => value.includes('message')),
    );
  });
});

describe('UnreliableBus', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('passes everything on as it came while it is not disturbed', () => {
    expect(carry(new UnreliableBus(new Random(1)), CONVERSATION)).toEqual(CONVERSATION);
  });

  it('loses, repeats and reorders messages at the rates it is told', () => {
    const bus = new UnreliableBus(new Random(7));
    bus.disturbance = { loss: 0.3, repetition: 0.1, delay: 0.2 };
    const messages = Array.from({ length: 5000 }, (_, index) => published(String(index)));
    const carried = carry(bus, messages);
    const kept = new Set(carried);
    expect(kept.size / messages.length).toBeCloseTo(0.7, 1);
    expect((carried.length - kept.size) / kept.size).toBeCloseTo(0.1, 1);
    const inOrder = messages.filter((message) => kept.has(message));
    expect([...kept]).not.toEqual(inOrder);
  });

  it('never touches what is no message, and never tears one', () => {
    const bus = new UnreliableBus(new Random(3));
    bus.disturbance = { loss: 0.5, repetition: 0.5, delay: 0.5 };
    const carried = carry(bus, CONVERSATION);
    const answers = (values: string[]) => values.filter((value) => !isPublished(Buffer.from(value)));
    expect(answers(carried)).toEqual(answers(CONVERSATION));
    expect(CONVERSATION).toEqual(expect.arrayContaining(carried));
  });
});

function carry(bus: UnreliableBus, values: string[]): string[] {
  const carried: string[] = [];
  const pass = bus.alteration((bytes) => carried.push(String(bytes)));
  for (const value of values) pass(Buffer.from(value));
  vi.runAllTimers();
  return carried;
}

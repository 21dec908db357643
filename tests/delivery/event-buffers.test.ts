import { describe, expect, it } from 'vitest';
import { replacementBy } from '../../src/delivery/event-holder.js';
import { RecentEvents } from '../../src/delivery/recent-events.js';
import { ReorderBuffer } from '../../src/delivery/reorder-buffer.js';
import type { ChatEvent } from '../../src/domain/log/chat-events.js';
import { NO_EXTRAS } from '../../src/domain/log/chat-message.js';
import { createdEvent, deletedEvent, editedEvent } from '../support/events.js';

const sender = {
  id: 'u',
  username: 'ann',
  firstName: '',
  lastName: '',
  role: 'user',
  kind: 'human',
  dateJoined: '',
} as const;

function event(seq: number, length: number) {
  const content = 'x'.repeat(length);
  return createdEvent('e0', { id: '', chatId: 'c', seq, content, nonce: null, createdAt: '', sender });
}

const seqsOf = (events: readonly { seq: number }[] | undefined) => events?.map(({ seq }) => seq);

describe('recent events', () => {
  it('are bounded in number and in size', () => {
    const long = new RecentEvents(0);
    for (let seq = 1; seq <= 1000; seq += 1) {
      long.add(event(seq, 8000));
      expect(long.characters).toBeLessThan(512 * 1024);
    }
    expect(long.size).toBeGreaterThan(30);
    const short = new RecentEvents(0);
    for (let seq = 1; seq <= 10_000; seq += 1) short.add(event(seq, 1));
    expect([short.size >= 256, short.size < 512, short.characters]).toEqual([true, true, short.size]);
  });

  it('are bounded by all that their messages have, not by their contents alone', () => {
    const recent = new RecentEvents(0);
    const buffer = new ReorderBuffer();
    for (let seq = 1; seq <= 500; seq += 1) {
      const { message } = event(seq, 1);
      const extras = { ...NO_EXTRAS, metadata: { text: 'x'.repeat(4000) }, mentions: Array(50).fill(sender) };
      const held = createdEvent('e0', { ...message, extras });
      recent.add(held);
      buffer.add(held);
    }
    expect(recent.characters).toBeLessThan(512 * 1024);
    expect([recent.size < 100, buffer.size < 100, recent.characters > 4000 * recent.size]).toEqual([true, true, true]);
    recent.dropUpTo(500);
    buffer.clear();
    expect([recent.characters, buffer.characters]).toEqual([0, 0]);
  });

  it('have no gap: events that were cut off are not answered for', () => {
    const recent = new RecentEvents(10);
    expect([recent.since(9), recent.since(10)]).toEqual([undefined, []]);
    for (let seq = 11; seq <= 600; seq += 1) recent.add(event(seq, 3000));
    const oldest = 600 - recent.size;
    expect(recent.since(oldest - 1)).toBeUndefined();
    expect(seqsOf(recent.since(oldest))).toEqual(Array.from({ length: recent.size }, (_, index) => oldest + 1 + index));
    expect(seqsOf(recent.since(598))).toEqual([599, 600]);
    recent.dropUpTo(599);
    expect([recent.since(598), seqsOf(recent.since(599)), recent.characters]).toEqual([undefined, [600], 3000]);
    recent.dropUpTo(700);
    expect([recent.since(699), recent.since(700), recent.characters]).toEqual([undefined, [], 0]);
  });
});

describe('contents that are erased', () => {
  it('are dropped from the recent events with all that came before them, so that no gap is left', () => {
    const recent = new RecentEvents(0);
    for (let seq = 1; seq <= 5; seq += 1) recent.add(event(seq, 10));
    recent.erase(({ seq }) => seq === 1 || seq === 3);
    expect([recent.since(2), seqsOf(recent.since(3)), recent.characters]).toEqual([undefined, [4, 5], 20]);
    recent.erase(() => false);
    expect(recent.size).toBe(2);
  });

  it('are dropped alone from the reorder buffer', () => {
    const buffer = new ReorderBuffer();
    for (let seq = 7; seq <= 9; seq += 1) buffer.add(event(seq, 10));
    buffer.erase(({ seq }) => seq === 8);
    expect([buffer.take(8), buffer.size, buffer.characters]).toEqual([undefined, 2, 20]);
  });
});

describe('messages that change', () => {
  const replaced = (change: ChatEvent) => {
    const replace = replacementBy(change);
    if (!replace) throw new Error('The event changes no message.');
    return replace;
  };

  it('are replaced in place, in the event of their creation and in later ones, by one copy for all holders', () => {
    const [created, other] = [event(1, 10), event(2, 10)];
    const edited = editedEvent('e0', 3, created.message, 'x'.repeat(30));
    const recent = new RecentEvents(0);
    const buffer = new ReorderBuffer();
    for (const held of [created, other, edited]) recent.add(held);
    for (const held of [created, edited]) buffer.add(held);
    const deleted = deletedEvent('e0', 4, created.message);
    const replace = replaced(deleted);
    recent.replace(replace);
    buffer.replace(replace);
    const held = recent.since(0);
    const { message } = deleted;
    expect(held).toEqual([{ ...created, message }, other, { ...edited, message }]);
    expect([recent.characters, buffer.characters]).toEqual([10, 0]);
    expect([buffer.take(1), buffer.take(3)].map((copy, index) => copy === held?.[index * 2])).toEqual([true, true]);
    // Frames and results are cached by the event object.
    expect([created.message.content.length, edited.message.content.length]).toEqual([10, 30]);
  });

  it('do not go back to the state of an earlier change', () => {
    const created = event(1, 10);
    const buffer = new ReorderBuffer();
    const deleted = deletedEvent('e0', 5, created.message);
    buffer.add(deleted);
    buffer.replace(replaced(editedEvent('e0', 4, created.message, 'edited')));
    expect(buffer.take(5)).toBe(deleted);
  });

  it('of another history are others', () => {
    const created = event(1, 10);
    const recent = new RecentEvents(0);
    recent.add(created);
    recent.replace(replaced(deletedEvent('e1', 2, created.message)));
    expect(recent.since(0)).toEqual([created]);
  });

  it('keep the bounds: a longer text drops the oldest events, or is read from the log when its turn comes', () => {
    const recent = new RecentEvents(0);
    const buffer = new ReorderBuffer();
    for (let seq = 1; seq <= 65; seq += 1) {
      recent.add(event(seq, 8000));
      buffer.add(event(seq, 8000));
    }
    const replace = replaced(editedEvent('e0', 66, event(65, 8000).message, 'x'.repeat(13_000)));
    recent.replace(replace);
    buffer.replace(replace);
    expect(recent.characters).toBeLessThan(512 * 1024);
    expect(seqsOf(recent.since(64))).toEqual([65]);
    expect([recent.since(1), buffer.take(65), buffer.size]).toEqual([undefined, undefined, 64]);
  });

  it('are copied in their quotes, of which clients were shown the quoted text', () => {
    const created = event(1, 10);
    const { message } = event(2, 5);
    const quote = createdEvent('e0', { ...message, extras: { ...NO_EXTRAS, replyTo: { id: '', seq: 1 } } });
    const copy = replaced(deletedEvent('e0', 3, created.message))(quote);
    expect(copy).toEqual(quote);
    expect(copy).not.toBe(quote);
  });
});

describe('the reorder buffer', () => {
  it('is bounded in number and in size', () => {
    const short = new ReorderBuffer();
    for (let seq = 1; seq <= 5000; seq += 1) short.add(event(seq, 1));
    expect(short.size).toBe(1024);
    const long = new ReorderBuffer();
    for (let seq = 1; seq <= 5000; seq += 1) long.add(event(seq, 8000));
    expect(long.size).toBe(Math.floor((512 * 1024) / 8000));
    long.dropUpTo(60);
    expect(long.characters).toBe(long.size * 8000);
    long.add(event(6000, 8000));
    expect(long.take(6000)?.seq).toBe(6000);
    expect(long.take(6000)).toBeUndefined();
  });

  it('counts an event that comes again once', () => {
    const buffer = new ReorderBuffer();
    for (let copy = 0; copy < 100; copy += 1) buffer.add(event(1, 8000));
    expect([buffer.size, buffer.characters]).toEqual([1, 8000]);
  });
});

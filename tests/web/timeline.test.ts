import { describe, expect, it } from 'vitest';
import type { Message } from '../../clients/typescript/src/client.js';
import { candidates, mentionAt, mentionsIn, splitMentions } from '../../web/src/room/mentions.js';
import { Positions } from '../../web/src/room/positions.js';
import { rowsOf } from '../../web/src/room/rows.js';

const ann = { id: 'a', username: 'ann' };
const bob = { id: 'b', username: 'bob' };
const anna = { id: 'c', username: 'anna.b' };

/** Messages of these senders, a minute after the other. */
function messagesOf(...senders: (typeof ann)[]): Message[] {
  return senders.map((sender, index) => {
    const at = new Date(Date.UTC(2026, 0, 1, 12, index)).toISOString();
    const nothing = { nonce: null, editedAt: null, deletedAt: null, replyTo: null, thread: null, metadata: null };
    const none = { mentions: [], mentionsAll: false, reactions: [], pinnedAt: null, pinnedBy: null, replies: null };
    const own = { id: `m${index + 1}`, seq: index + 1, content: 'x', createdAt: at, sender, revision: 0 };
    return { ...own, ...nothing, ...none };
  });
}

describe('the rows of a timeline', () => {
  it('continue soon after a message of the same sender, and begin a day once', () => {
    const rows = rowsOf(messagesOf(ann, ann, bob, ann), [], ann, undefined);
    expect(rows.map(({ isContinued }) => isContinued)).toEqual([false, true, false, false]);
    expect(rows.map(({ beginsDay }) => beginsDay)).toEqual([true, false, false, false]);
  });

  it('are divided once, before the first message of somebody else that is unread', () => {
    const rows = rowsOf(messagesOf(ann, bob, ann, bob, bob), [], ann, 2);
    expect(rows.map(({ beginsUnread }) => beginsUnread)).toEqual([false, false, false, true, false]);
  });

  it('have one key for one’s own message, before and after it is stored', () => {
    const createdAt = new Date(Date.UTC(2026, 0, 1, 13)).toISOString();
    const pending = { nonce: 'n1', content: 'x', options: {}, createdAt, status: 'sending' } as const;
    const stored = messagesOf(ann).map((message) => ({ ...message, nonce: 'n1' }));
    expect(rowsOf([], [pending], ann, undefined)[0]?.key).toBe('n1');
    expect(rowsOf(stored, [], ann, undefined)[0]?.key).toBe('n1');
  });
});

describe('the positions of rows', () => {
  const keys = (count: number, first = 0) => Array.from({ length: count }, (_, index) => `k${first + index}`);

  it('are estimated by what was measured, and find the row at a height', () => {
    const positions = new Positions(50);
    positions.setKeys(keys(10));
    expect(positions.end).toBe(500);
    expect(
      positions.measure([
        ['k0', 100],
        ['k1', 20],
      ]),
    ).toBe(true);
    expect(positions.measure([['k0', 100]])).toBe(false);
    expect(positions.topOf(2)).toBe(120);
    expect(positions.end).toBe(120 + 8 * 60);
    expect([-5, 0, 99, 100, 119, 120, 10_000].map((y) => positions.indexAt(y))).toEqual([0, 0, 0, 1, 1, 2, 9]);
  });

  it('keep what was measured when rows come before them', () => {
    const positions = new Positions(50);
    positions.setKeys(keys(3, 100));
    positions.measure([['k100', 80]]);
    positions.setKeys([...keys(5), ...keys(3, 100)]);
    expect(positions.topOf(6) - positions.topOf(5)).toBe(80);
    expect(positions.indexOf('k100')).toBe(5);
  });

  it('of ten thousand are set within a frame', () => {
    const positions = new Positions(50);
    const many = keys(10_000);
    positions.setKeys(many);
    const took = Array.from({ length: 10 }, () => {
      const began = performance.now();
      positions.setKeys(many);
      return performance.now() - began;
    });
    // A frame has 16 ms. The least of them: the others may have waited for what else the machine did.
    expect(Math.min(...took)).toBeLessThan(16);
  });
});

describe('mentions', () => {
  it('are completed at the caret, and not within a word or an address', () => {
    expect(['@', 'hi @an', 'hi (@an', 'ann@exa', 'hi @ann and'].map(mentionAt)).toEqual([
      '',
      'an',
      'an',
      undefined,
      undefined,
    ]);
    expect(candidates([anna, ann, bob], 'AN', 5)).toEqual([ann, anna]);
  });

  it('are those of the longest names, and of whole words', () => {
    expect(mentionsIn('@anna.b and @bob, not @annabel or x@ann', [ann, anna, bob])).toEqual({
      ids: ['c', 'b'],
      everybody: false,
    });
    expect(mentionsIn('@all: tea!', [ann])).toEqual({ ids: [], everybody: true });
    expect(splitMentions('hi @ann.', new Set(['ann']))).toEqual([
      { text: 'hi ', isMention: false },
      { text: '@ann', isMention: true },
      { text: '.', isMention: false },
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import { segmentsOf } from '../../../src/delivery/inbox/segments.js';

const chat = { chatId: 'c', epoch: 'e', mark: 0, isStateDue: false };

describe('what is to be delivered of a chat', () => {
  it('is each membership since the position, up to its removal', () => {
    const away = { ...chat, seq: 60, isMember: true, from: 10, changes: [-20, 30, -40, 50] };
    expect(segmentsOf(away, 1000)).toEqual([{ start: 10, end: 20 }, { start: 29, end: 40 }, { start: 49 }]);
  });

  it('is a gap in each membership and its removal when more was missed than the client wants', () => {
    const away = { ...chat, seq: 60, isMember: true, from: 10, changes: [-20, 30, -40, 50] };
    expect(segmentsOf(away, 31)).toEqual([
      { start: 10, end: 20, gapTo: 19 },
      { start: 29, end: 40, gapTo: 39 },
      { start: 49, gapTo: 60 },
    ]);
    expect(segmentsOf(away, 32)).toEqual(segmentsOf(away, 1000));
    const left = { ...chat, seq: 60, isMember: false, from: 10, changes: [-11] };
    expect(segmentsOf(left, 0)).toEqual([{ start: 10, end: 11 }]);
  });
});

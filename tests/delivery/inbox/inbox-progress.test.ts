import { describe, expect, it } from 'vitest';
import { InboxProgress } from '../../../src/delivery/inbox/inbox-progress.js';
import type { MarkedHead } from '../../../src/domain/log/marks.js';
import { formatPosition, type InboxPosition, parsePosition } from '../../../src/domain/mine/inbox-position.js';

const chat = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
const head = (n: number, seq: number, mark: number): MarkedHead => ({ chatId: chat(n), epoch: 'abcdefgh', seq, mark });
const START: InboxPosition = {
  instance: '0123456789abcdef',
  statesBelow: 100,
  levels: [{ idBelow: null, below: 100 }],
  exceptions: new Map(),
};

/** A client that has chats 1 to 3 up to number 5. */
function upToDate(): InboxProgress {
  const progress = new InboxProgress(START, 100, []);
  for (const n of [1, 2, 3]) progress.add(head(n, 5, 90), 5);
  progress.begin();
  return progress;
}

const adopt = (progress: InboxProgress, below: number, heads: MarkedHead[], changed = heads) => {
  const byChat = new Map(heads.map((each) => [each.chatId, each]));
  progress.adopt(below, changed, (chatId) => byChat.get(chatId));
};
const at = (progress: InboxProgress) => {
  const { levels, exceptions } = parsePosition(progress.position);
  return { levels, exceptions: Object.fromEntries(exceptions) };
};
const LEVEL = (below: number) => [{ idBelow: null, below }];

describe('the position of a client that has', () => {
  it('everything is a level', () => {
    expect(at(upToDate())).toEqual({ levels: LEVEL(100), exceptions: {} });
  });

  it('more of a chat names its number, until a level is above the mark of its head', () => {
    const progress = upToDate();
    progress.delivered(chat(2), 6);
    expect(at(progress)).toEqual({ levels: LEVEL(100), exceptions: { [chat(2)]: 6 } });
    // A transaction holds the horizon back.
    const heads = [head(1, 5, 90), head(2, 6, 120), head(3, 5, 90)];
    adopt(progress, 110, heads);
    expect(at(progress)).toEqual({ levels: LEVEL(110), exceptions: { [chat(2)]: 6 } });
    adopt(progress, 121, heads);
    expect(at(progress)).toEqual({ levels: LEVEL(121), exceptions: {} });
  });

  it('less of a chat than is committed names its number', () => {
    const progress = upToDate();
    const heads = [head(1, 5, 90), head(2, 8, 120), head(3, 5, 90)];
    adopt(progress, 121, heads);
    expect(at(progress)).toEqual({ levels: LEVEL(121), exceptions: { [chat(2)]: 5 } });
  });

  it('less of a chat that changed while the horizon was held back names its number', () => {
    const progress = upToDate();
    const before = [head(1, 5, 90), head(2, 5, 90), head(3, 5, 90)];
    adopt(progress, 101, before);
    const heads = [head(1, 5, 90), head(2, 8, 120), head(3, 5, 90)];
    adopt(progress, 101, heads, [head(2, 8, 120)]);
    adopt(progress, 121, heads, []);
    expect(at(progress)).toEqual({ levels: LEVEL(121), exceptions: { [chat(2)]: 5 } });
  });

  it('a chat whose head is not known keeps its number', () => {
    const progress = upToDate();
    adopt(progress, 121, [head(1, 5, 90), head(2, 5, 90)]);
    expect(at(progress)).toEqual({ levels: LEVEL(121), exceptions: { [chat(3)]: 5 } });
  });

  it('left a chat names the removal, until a level is above its mark', () => {
    const progress = upToDate();
    progress.delivered(chat(2), 6);
    progress.leave(chat(2));
    const heads = [head(1, 5, 90), head(3, 5, 90)];
    adopt(progress, 130, heads);
    expect(at(progress).exceptions).toEqual({ [chat(2)]: 6 });
    progress.removed(chat(2), 6, 140);
    adopt(progress, 140, heads);
    expect(at(progress).exceptions).toEqual({ [chat(2)]: 6 });
    adopt(progress, 141, heads);
    expect(at(progress)).toEqual({ levels: LEVEL(141), exceptions: {} });
  });
});

describe('a client that catches up', () => {
  it('is at the new level up to the first chat that has not, and at the old one behind it', () => {
    const progress = new InboxProgress(START, 200, [chat(2), chat(3)]);
    progress.add(head(1, 5, 90), 5);
    progress.add(head(2, 9, 150), 5);
    progress.add(head(3, 9, 160), 5);
    progress.begin();
    const levels = (bound: number) => [{ idBelow: chat(bound), below: 200 }, ...LEVEL(100)];
    expect(at(progress)).toEqual({ levels: levels(2), exceptions: {} });
    progress.delivered(chat(3), 9);
    progress.caughtUp(chat(3));
    expect(at(progress)).toEqual({ levels: levels(2), exceptions: { [chat(3)]: 9 } });
    progress.delivered(chat(2), 9);
    expect(at(progress).exceptions).toEqual({ [chat(2)]: 9, [chat(3)]: 9 });
    progress.caughtUp(chat(2));
    expect(at(progress)).toEqual({ levels: LEVEL(200), exceptions: {} });
  });

  it('and is cut off again keeps the levels of those behind', () => {
    const cut = { ...START, levels: [{ idBelow: chat(2), below: 200 }, ...LEVEL(100)] };
    const progress = new InboxProgress(cut, 300, [chat(1), chat(3)]);
    for (const [n, from] of [
      [1, 5],
      [3, 5],
    ] as const)
      progress.add(head(n, 9, 250), from);
    progress.begin();
    expect(at(progress).levels).toEqual([{ idBelow: chat(1), below: 300 }, ...cut.levels]);
    progress.delivered(chat(1), 9);
    progress.caughtUp(chat(1));
    expect(at(progress).levels).toEqual([{ idBelow: chat(3), below: 300 }, ...LEVEL(100)]);
  });
});

it('a position is bounded: further chats wait for a level', () => {
  const progress = new InboxProgress(START, 100, []);
  for (let n = 0; n < 1000; n += 1) progress.add(head(n, 5, 90), 5);
  progress.begin();
  let count = 0;
  while (progress.hasRoomFor(chat(count))) {
    progress.delivered(chat(count), 6);
    count += 1;
  }
  expect(count).toBeGreaterThan(100);
  expect(progress.position.length).toBeLessThan(8192);
  expect(progress.hasRoomFor(chat(0))).toBe(true);
  adopt(
    progress,
    200,
    Array.from({ length: 1000 }, (_, n) => head(n, n < count ? 6 : 5, n < count ? 150 : 90)),
  );
  expect(progress.hasRoomFor(chat(count))).toBe(true);
  expect(at(progress)).toEqual({ levels: LEVEL(200), exceptions: {} });
});

describe('while a transaction holds the horizon back', () => {
  it('a client that catches up with many chats waits before its position gets too long, and goes on with the next level', () => {
    const ids = Array.from({ length: 500 }, (_, n) => n);
    const progress = new InboxProgress(START, 200, ids.map(chat));
    // All have changed in transactions that the snapshot saw, with marks that are not below its level.
    for (const n of ids) progress.add(head(n, 9, 250), 5);
    progress.begin();
    const catchUp = () => {
      for (const n of ids) {
        if (progress.deliveredOf(chat(n)) === 9 || !progress.hasRoomFor(chat(n))) continue;
        progress.delivered(chat(n), 9);
        progress.caughtUp(chat(n));
        parsePosition(progress.position);
      }
    };
    catchUp();
    expect(progress.deliveredOf(chat(499))).toBe(5);
    for (let below = 300; progress.deliveredOf(chat(499)) === 5; below += 1) {
      expect(below).toBeLessThan(310);
      adopt(
        progress,
        below,
        ids.map((n) => head(n, 9, 250)),
      );
      catchUp();
    }
    adopt(
      progress,
      400,
      ids.map((n) => head(n, 9, 250)),
    );
    expect(at(progress)).toEqual({ levels: LEVEL(400), exceptions: {} });
  });

  it('chats that wait to be told of live events do not make the position too long when the others have caught up', () => {
    const progress = new InboxProgress(START, 200, [chat(0)]);
    for (let n = 1; n < 600; n += 1) progress.add(head(n, 5, 90), 5);
    progress.add(head(0, 9, 150), 5);
    progress.begin();
    // Behind the chat that catches up, all have changed; the client is told of as many as there is room for.
    const heads = Array.from({ length: 600 }, (_, n) => head(n, n === 0 ? 9 : 6, 250));
    adopt(progress, 240, heads);
    const tell = () => {
      for (let n = 1; n < 600; n += 1) if (progress.hasRoomFor(chat(n))) progress.delivered(chat(n), 6);
    };
    tell();
    progress.delivered(chat(0), 9);
    progress.caughtUp(chat(0));
    for (let below = 260; progress.deliveredOf(chat(599)) === 5; below += 1) {
      expect(below).toBeLessThan(280);
      tell();
      parsePosition(progress.position);
      adopt(progress, below, heads, []);
    }
    adopt(progress, 300, heads, []);
    expect(at(progress)).toEqual({ levels: LEVEL(300), exceptions: {} });
  });
});

it('a removal that the client has does not hide the mark of a later one', () => {
  const progress = upToDate();
  progress.delivered(chat(2), 7);
  // Told again: it was before the return with number 7.
  progress.removed(chat(2), 6, 110);
  progress.delivered(chat(2), 8);
  progress.leave(chat(2));
  adopt(progress, 115, [head(1, 5, 90), head(3, 5, 90)]);
  expect(at(progress).exceptions).toEqual({ [chat(2)]: 8 });
});

it.each(['', 'i1.', 'i1.AAAA', 'k3f9:57', `${formatPosition(START)}A`, formatPosition(START).slice(0, -4)])(
  'is no position: %j',
  (text) => {
    expect(() => parsePosition(text)).toThrow(/after must be a position/);
  },
);

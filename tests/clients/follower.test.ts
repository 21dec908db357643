import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ChatEvent, RoomEvent } from '../../clients/typescript/src/client.js';
import { ChatError } from '../../clients/typescript/src/client.js';
import { type EventSource, Follower } from '../../clients/typescript/src/follower.js';
import { assertProperty } from '../support/property.js';

const eventAt = (seq: number, epoch = 'e'): ChatEvent => ({
  ...{ type: 'unknown', kind: 'x', chatId: 'c', seq, cursor: `${epoch}:${seq}` },
  ...{ at: '', actor: null },
});

/** A stored log of so many events, some of which are left out, in pages of three. */
function sourceOf(log: {
  length: number;
  leftOut?: ReadonlySet<number>;
  epoch?: string;
}): EventSource & { asked: number } {
  return {
    asked: 0,
    async events(_chatId, after) {
      this.asked += 1;
      const [epoch, from] = [after.split(':')[0], Number(after.split(':')[1])];
      if (epoch !== (log.epoch ?? 'e')) throw new ChatError('CURSOR_RESET', 'Another history.');
      const to = Math.min(from + 3, log.length);
      const events = Array.from({ length: to - from }, (_, index) => eventAt(from + index + 1, epoch));
      const shown = events.filter(({ seq }) => !log.leftOut?.has(seq));
      return { events: shown, cursor: `${epoch}:${to}`, hasMore: to < log.length };
    },
    cursor: async () => `${log.epoch ?? 'e'}:${log.length}`,
    pause: async () => {},
  };
}

/** All that it has, until it waits for more than there is. */
async function read(follower: Follower, count: number): Promise<(number | string)[]> {
  const read: RoomEvent[] = [];
  while (read.length < count) {
    const event = await follower.next();
    if (!event) break;
    read.push(event);
  }
  return read.map((event) => ('seq' in event ? event.seq : event.type));
}

it('gives each event once and in order, whatever the stream loses and repeats, when it is told of the loss', async () => {
  const pushes = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant('interrupted' as const)), {
    maxLength: 60,
  });
  await assertProperty(
    fc.asyncProperty(
      pushes,
      fc.nat(20),
      fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 5 }),
      async (pushed, start, gone) => {
        const leftOut = new Set(gone);
        const follower = new Follower('c', sourceOf({ length: 40, leftOut }), () => undefined);
        for (const push of pushed) {
          if (push === 'interrupted') follower.interrupted();
          else if (!leftOut.has(push)) follower.push(eventAt(push));
        }
        follower.interrupted();
        follower.begin(`e:${start}`);
        const expected = Array.from({ length: 40 }, (_, index) => index + 1).filter(
          (seq) => seq > start && !leftOut.has(seq),
        );
        expect(await read(follower, expected.length)).toEqual(expected);
      },
    ),
  );
});

it('asks for nothing while the stream is whole', async () => {
  const source = sourceOf({ length: 3 });
  const follower = new Follower('c', source, () => undefined);
  for (const seq of [1, 2, 3]) follower.push(eventAt(seq));
  follower.begin('e:0');
  expect(await read(follower, 3)).toEqual([1, 2, 3]);
  expect(source.asked).toBe(0);
});

it('keeps at most 500 events for a reader, and asks for the rest', async () => {
  const source = sourceOf({ length: 2000 });
  const follower = new Follower('c', source, () => undefined);
  follower.begin('e:0');
  for (let seq = 1; seq <= 2000; seq += 1) follower.push(eventAt(seq));
  expect(await read(follower, 2000)).toEqual(Array.from({ length: 2000 }, (_, index) => index + 1));
  expect(source.asked).toBe(500);
});

it('says a reset where the history was replaced, and follows the new one', async () => {
  const follower = new Follower('c', sourceOf({ length: 5, epoch: 'new' }), () => undefined);
  follower.push(eventAt(9));
  follower.interrupted();
  follower.begin('e:7');
  expect(await read(follower, 1)).toEqual(['reset']);
  follower.push(eventAt(6, 'new'));
  expect(await read(follower, 1)).toEqual([6]);
});

it('ends behind the removal of its user, and when it is closed', async () => {
  const follower = new Follower('c', sourceOf({ length: 2 }), () => 'me');
  follower.begin('e:0');
  const user = { id: 'me', username: 'me' };
  follower.push({ ...eventAt(1), type: 'member.removed', user } as ChatEvent);
  follower.push(eventAt(2));
  expect(await read(follower, 5)).toEqual([1]);
  const waiting = new Follower('c', sourceOf({ length: 0 }), () => 'me');
  waiting.begin('e:0');
  const next = waiting.next();
  waiting.close();
  expect(await next).toBeUndefined();
});

it('gives a removed user what the stream has brought, when the rest may not be read any more', async () => {
  const refused: EventSource = {
    ...sourceOf({ length: 9 }),
    events: async () => {
      throw new ChatError('NOT_FOUND', 'You are not a member.');
    },
  };
  const follower = new Follower('c', refused, () => 'me');
  follower.begin('e:0');
  follower.interrupted();
  follower.push(eventAt(5));
  follower.push({ ...eventAt(6), type: 'member.removed', user: { id: 'me', username: 'me' } } as ChatEvent);
  expect(await read(follower, 5)).toEqual([5, 6]);
  const stranger = new Follower('c', refused, () => 'me');
  stranger.begin('e:0');
  stranger.interrupted();
  await expect(stranger.next()).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

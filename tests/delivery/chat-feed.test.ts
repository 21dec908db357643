import { expect, it } from 'vitest';
import { ChatFeed } from '../../src/delivery/chat-feed.js';
import { createdEvent } from '../support/events.js';

const CHAT = 'c';
const EPOCH = 'e0';
const sender = { id: 'u', username: 'ann', firstName: '', lastName: '', role: 'user', dateJoined: '' } as const;

function event(seq: number) {
  return createdEvent(EPOCH, { id: `${seq}`, chatId: CHAT, seq, content: '', nonce: null, createdAt: '', sender });
}

it('keeps an event in memory until the second trim after it', () => {
  const nothingToRead = async () => [];
  const feed = new ChatFeed(
    CHAT,
    { heads: nothingToRead, page: async () => ({ events: [], upTo: 0 }) },
    { addEvent: () => {} },
    () => {},
  );
  feed.observe({ chatId: CHAT, epoch: EPOCH, seq: 0 }, feed.position);
  const seqsSince = (seq: number) => feed.since(seq)?.events.map((held) => held.seq);

  feed.receive(event(1));
  feed.trim();
  feed.receive(event(2));
  expect(seqsSince(0)).toEqual([1, 2]);
  feed.trim();
  expect([seqsSince(0), seqsSince(1)]).toEqual([undefined, [2]]);
  feed.trim();
  expect([seqsSince(1), seqsSince(2)]).toEqual([undefined, []]);
});

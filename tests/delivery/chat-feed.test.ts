import { expect, it } from 'vitest';
import { ChatFeed } from '../../src/delivery/chat-feed.js';
import { messageCreated } from '../../src/domain/chat-events.js';

const CHAT = 'c';
const EPOCH = 'e0';
const sender = { id: 'u', username: 'ann', firstName: '', lastName: '', role: 'user', dateJoined: '' } as const;

function change(seq: number) {
  return messageCreated(EPOCH, { id: `${seq}`, chatId: CHAT, seq, content: '', nonce: null, createdAt: '', sender });
}

it('holds a change in memory until it is told to forget for the second time', () => {
  const nothingToRead = async () => [];
  const feed = new ChatFeed(CHAT, { heads: nothingToRead, events: nothingToRead }, { addChange: () => {} }, () => {});
  feed.observe({ chatId: CHAT, epoch: EPOCH, seq: 0 }, feed.standing);
  const seqsSince = (seq: number) => feed.since(seq)?.events.map((event) => event.seq);

  feed.receive(change(1));
  feed.forgetOld();
  feed.receive(change(2));
  expect(seqsSince(0)).toEqual([1, 2]);
  feed.forgetOld();
  expect([seqsSince(0), seqsSince(1)]).toEqual([undefined, [2]]);
  feed.forgetOld();
  expect([seqsSince(1), seqsSince(2)]).toEqual([undefined, []]);
});

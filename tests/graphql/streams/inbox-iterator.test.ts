import { expect, it } from 'vitest';
import type { ChatState } from '../../../src/domain/mine/chat-states.js';
import { InboxIterator } from '../../../src/graphql/streams/inbox-iterator.js';

const stateOf = (chatId: string, readSeq: number): ChatState => ({
  chatId,
  readSeq,
  unread: { messages: 0, capped: false, mentions: 0, threads: 0, firstSeq: null },
  notify: 'all',
  hidden: false,
  mutedUntil: null,
  role: 'member',
});

it('of a chat’s states the newest waits, before what says that the client has it', async () => {
  const iterator = new InboxIterator(
    () => {},
    () => true,
  );
  iterator.state({ state: stateOf('a', 1), ofThreads: true }, 'one');
  iterator.state({ state: stateOf('b', 1), ofThreads: false }, 'two');
  iterator.state({ state: stateOf('a', 2), ofThreads: false }, 'three');
  const items = [(await iterator.next()).value, (await iterator.next()).value];
  expect(items).toEqual([
    { type: 'state', position: 'one', state: stateOf('a', 2), ofThreads: true },
    { type: 'state', position: 'two', state: stateOf('b', 1), ofThreads: false },
  ]);
  await iterator.return();
});

import { describe, expect, it } from 'vitest';
import { ChatFeed } from '../../src/delivery/chat-feed.js';
import type { Replace } from '../../src/delivery/event-holder.js';
import { type ChatEvent, messageOf } from '../../src/domain/log/chat-events.js';
import type { ReadPage } from '../../src/domain/log/chat-log.js';
import { deferred } from '../support/deferred.js';
import { createdEvent, deletedEvent, editedEvent } from '../support/events.js';

const CHAT = 'c';
const EPOCH = 'e0';
const sender = {
  id: 'u',
  username: 'ann',
  firstName: '',
  lastName: '',
  role: 'user',
  kind: 'human',
  dateJoined: '',
} as const;

function event(seq: number, content = '') {
  return createdEvent(EPOCH, { id: `${seq}`, chatId: CHAT, seq, content, nonce: null, createdAt: '', sender });
}

/** A feed at `seq` of a log that has nothing but this page. */
function feedAt(seq: number, page: Promise<ReadPage> = Promise.resolve({ events: [], upTo: 0, asOf: 0 })) {
  const log = { heads: async () => [], page: () => page };
  const feed = new ChatFeed(CHAT, log, { addEvent: () => {} }, () => {});
  feed.observe({ chatId: CHAT, epoch: EPOCH, seq }, feed.position);
  return feed;
}

it('keeps an event in memory until the second trim after it', () => {
  const feed = feedAt(0);
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

it('delivers receipts that came while an event was missing behind it, and does not tell who was writing then', () => {
  const feed = feedAt(0);
  const heard: (number | string)[] = [];
  feed.add({
    deliver: (events) => heard.push(...events.map(({ seq }) => seq)),
    signal: ({ type }) => heard.push(type),
    historyReplaced() {},
    chatNotFound() {},
  });
  feed.receive(event(2));
  feed.signal({ type: 'typing', user: sender, thread: null });
  feed.signal({ type: 'receipts', reads: [{ userId: 'u', seq: 1 }] });
  feed.flush();
  expect(heard).toEqual([]);
  expect(feed.isQuiet).toBe(false);
  feed.receive(event(1));
  feed.flush();
  expect(heard).toEqual([1, 2, 'receipts']);
});

describe('a message that changes', () => {
  const textsOf = (events: readonly ChatEvent[] | undefined) => events?.map((held) => messageOf(held)?.content);
  const created = event(1, 'first');
  const edited = editedEvent(EPOCH, 2, created.message, 'edited');
  const deleted = deletedEvent(EPOCH, 4, created.message);

  it('is shown as it is now to who resumes from memory, and to listeners who have not got it yet', () => {
    const feed = feedAt(0);
    const delivered: ChatEvent[] = [];
    feed.add({ deliver: (events) => delivered.push(...events), historyReplaced() {}, chatNotFound() {} });
    for (const one of [created, edited, event(3, 'other'), deleted]) feed.receive(one);
    expect(textsOf(feed.since(0)?.events)).toEqual(['', '', 'other', '']);
    feed.flush();
    expect(delivered).toEqual(feed.since(0)?.events);
    expect(delivered.map((one, index) => one === feed.since(0)?.events[index])).not.toContain(false);
  });

  it('costs no other event its place in memory', () => {
    const feed = feedAt(0);
    for (const one of [created, edited, event(3, 'other')]) feed.receive(one);
    feed.flush();
    feed.receive(deleted);
    expect(feed.since(0)?.events.length).toBe(4);
  });

  it('is gone as soon as its deletion comes, though events before that are missing, and does not come back with them', () => {
    const feed = feedAt(0);
    feed.receive(created);
    feed.receive(deleted);
    // While events are missing, the log is read.
    expect(feed.since(0)).toBeUndefined();
    feed.receive(edited);
    expect(feed.since(0)).toBeUndefined();
    feed.receive(event(3, 'other'));
    expect(feed.since(0)?.events).toEqual([
      { ...created, message: deleted.message },
      { ...edited, message: deleted.message },
      event(3, 'other'),
      deleted,
    ]);
    feed.close();
  });

  it('is gone from a page of history that was being read, and from one that others share', async () => {
    const read = deferred<ReadPage>();
    const feed = feedAt(3, read.promise);
    const first = feed.page(0, 16);
    feed.receive(deleted);
    read.resolve({ events: [created, edited, event(3, 'other')], upTo: 3, asOf: 3 });
    expect(textsOf((await first).events)).toEqual(['', '', 'other']);
    const third = editedEvent(EPOCH, 5, event(3).message, 'changed');
    feed.receive(third);
    expect(textsOf((await feed.page(0, 16)).events)).toEqual(['', '', 'changed']);
    feed.receive(deletedEvent(EPOCH, 6, third.message));
    expect(textsOf((await feed.page(0, 16)).events)).toEqual(['', '', '']);
    feed.close();
  });

  it('does not go back behind what the log showed, when an earlier change comes after the read', async () => {
    const asNow = { ...created, message: deleted.message };
    const feed = feedAt(1, Promise.resolve({ events: [asNow], upTo: 1, asOf: 4 }));
    expect((await feed.page(0, 16)).events).toEqual([asNow]);
    feed.receive(edited);
    expect(textsOf(feed.since(1)?.events)).toEqual(['']);
    expect((await feed.page(0, 16)).events).toEqual([asNow]);
    feed.close();
  });

  it('is replaced in what a stream holds until the stream is closed', () => {
    const feed = feedAt(1);
    let held: ChatEvent = created;
    const stream = {
      replace(replace: Replace) {
        held = replace(held);
      },
    };
    feed.attach(stream);
    feed.receive(edited);
    expect(held).toEqual({ ...created, message: edited.message });
    feed.detach(stream);
    feed.receive(editedEvent(EPOCH, 3, created.message, 'again', 2));
    expect(textsOf([held])).toEqual(['edited']);
  });
});

import { describe, expect, test } from 'vitest';
import type { ChatStream } from '../../../src/delivery/chat-stream.js';
import { replacementBy } from '../../../src/delivery/event-holder.js';
import type { ChatEvent, EventOf } from '../../../src/domain/log/chat-events.js';
import { StreamIterator } from '../../../src/graphql/streams/stream-iterator.js';
import { createdEvent, deletedEvent } from '../../support/events.js';
import { startOwnServices, viewerOf } from '../../support/services.js';

const isAny = (_event: ChatEvent): _event is ChatEvent => true;
const isMessage = (event: ChatEvent): event is EventOf<'message.created'> => event.type === 'message.created';
const MAX_WAITING = 64;

const ann = {
  id: 'ann',
  username: 'ann',
  firstName: '',
  lastName: '',
  role: 'user',
  kind: 'human',
  dateJoined: '',
} as const;

function event(seq: number): EventOf<'message.created'> {
  const base = { chatId: 'c', epoch: 'e', seq, at: '', actor: null };
  const message = { id: `m${seq}`, chatId: 'c', seq, content: '', nonce: null, createdAt: '', sender: ann };
  return { ...base, type: 'message.created', message };
}

const removal: ChatEvent = {
  ...{ type: 'member.removed', chatId: 'c', epoch: 'e', seq: 99, at: '', actor: null, user: ann },
  ...{ cause: 'left', until: null },
};

function start() {
  let ends = 0;
  const iterator = new StreamIterator(isAny, () => {
    ends += 1;
  });
  return { iterator, ends: () => ends };
}

describe('an iterator over the events of a chat', () => {
  test('hands out what waits in its order, and what comes to who waits', async () => {
    const { iterator } = start();
    iterator.deliver([event(1)]);
    iterator.deliver([event(2)]);
    expect(await iterator.next()).toMatchObject({ value: { seq: 1 } });
    expect(await iterator.next()).toMatchObject({ value: { seq: 2 } });
    const next = iterator.next();
    expect(iterator.deliver([event(3)])).toBe(true);
    expect(await next).toMatchObject({ value: { seq: 3 } });
  });

  test('says when it has enough', () => {
    const { iterator } = start();
    for (let seq = 1; seq < MAX_WAITING; seq += 1) expect(iterator.deliver([event(seq)])).toBe(true);
    expect(iterator.deliver([event(MAX_WAITING)])).toBe(false);
  });

  test('takes only what is wanted, and has enough of nothing else', async () => {
    const iterator = new StreamIterator(isMessage, () => {});
    for (let seq = 1; seq < 1000; seq += 1) expect(iterator.deliver([removal])).toBe(true);
    const next = iterator.next();
    iterator.deliver([removal]);
    iterator.deliver([event(1)]);
    expect(await next).toMatchObject({ value: { type: 'message.created' } });
  });

  test('completes after what waits when the viewer was removed', async () => {
    const { iterator, ends } = start();
    iterator.deliver([removal]);
    iterator.end('removed');
    expect(await iterator.next()).toMatchObject({ value: { type: 'member.removed' } });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(ends()).toBe(1);
  });

  test.each([
    ['reset', 'CURSOR_RESET'],
    ['not_found', 'NOT_FOUND'],
  ] as const)('fails after what waits: %s', async (reason, code) => {
    const { iterator } = start();
    iterator.deliver([event(1)]);
    if (reason === 'reset') iterator.reset();
    else iterator.end(reason);
    expect(await iterator.next()).toMatchObject({ value: { seq: 1 } });
    await expect(iterator.next()).rejects.toMatchObject({ code });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test('hands out nothing more once the viewer may not have it', async () => {
    const { iterator } = start();
    iterator.deliver([event(1)]);
    iterator.fail(new Error('no more'));
    await expect(iterator.next()).rejects.toThrow('no more');
  });

  test('shows what waits as it is when it is asked for', async () => {
    const { iterator } = start();
    const { message } = event(1);
    iterator.deliver([createdEvent('e', { ...message, content: 'a text' }), event(2)]);
    const deleted = deletedEvent('e', 3, message);
    const replace = replacementBy(deleted);
    if (replace) iterator.replace(replace);
    expect(await iterator.next()).toMatchObject({ value: { seq: 1, message: deleted.message } });
    expect(await iterator.next()).toMatchObject({ value: event(2) });
  });

  test('answers who waits when it is returned', async () => {
    const { iterator, ends } = start();
    const next = iterator.next();
    await iterator.return();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(ends()).toBe(1);
  });
});

describe('with a stream of a real chat', () => {
  async function open(messages: number) {
    const services = await startOwnServices();
    const user = await services.newUser();
    const chat = await services.newChat(user);
    for (let index = 0; index < messages; index += 1)
      await services.messages.send(viewerOf(user), { chatId: chat.id, content: `${index}` });
    let arrived = 0;
    const iterator = new StreamIterator(
      (event): event is ChatEvent => {
        arrived += 1;
        return isAny(event);
      },
      () => {},
    );
    const request = { chatId: chat.id, viewer: () => viewerOf(user), after: { epoch: chat.epoch, seq: 0 } };
    const stream: ChatStream = await services.chatStreams.open(request, iterator);
    iterator.attach(stream);
    return { services, iterator, arrived: () => arrived };
  }

  test('a consumer that does not ask holds 64 events, and gets all of them when it does', async () => {
    const { services, iterator, arrived } = await open(199);
    await expect.poll(arrived).toBe(MAX_WAITING);
    const seqs: number[] = [];
    for await (const { seq } of iterator) {
      seqs.push(seq);
      if (seq === 200) break;
    }
    expect(seqs).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    // Leaving the loop returned the iterator.
    expect(services.chatStreams.size).toBe(0);
    await services.close();
  });

  test('a stream that opens for an iterator which has ended is closed', async () => {
    const { services, iterator } = await open(0);
    await iterator.return();
    expect(services.chatStreams.size).toBe(0);
    await services.close();
  });
});

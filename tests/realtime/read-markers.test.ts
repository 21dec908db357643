import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices, viewerOf } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: RealtimeApp;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  services = await startOwnServices({ markerIntervalMs: 0 });
  app = await startRealtimeApp(services);
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterAll(async () => {
  await app.close();
  await services.close();
});

async function newTalk() {
  const chat = await services.newChat(ann, bob);
  const send = (thread?: string) => services.messages.send(viewerOf(bob), { chatId: chat.id, content: 'hi', thread });
  const sent = [await send(), await send()];
  const anns = await app.join(chat.name, ann);
  return { chat, sent, send, anns };
}

describe('read', () => {
  it('moves the marker, and is acknowledged with the state', async () => {
    const { anns, sent } = await newTalk();
    const [first, second] = sent.map(({ seq }) => seq);
    anns.send({ type: 'read', id: 'r1', seq: first });
    expect(await anns.next()).toEqual({
      type: 'ack',
      id: 'r1',
      state: {
        ...{ readSeq: first, notify: 'all', hidden: false, mutedUntil: null, role: 'member' },
        unread: { messages: 1, capped: false, mentions: 0, threads: 0, firstSeq: second },
      },
    });
    await anns.close();
  });

  it('without an id is not answered', async () => {
    const { anns, chat, sent } = await newTalk();
    const seq = sent[1]?.seq;
    anns.send({ type: 'read', seq });
    await vi.waitFor(async () =>
      expect(await services.chatStates.of(ann.id, [chat.id])).toMatchObject([{ readSeq: seq }]),
    );
    anns.send({ type: 'ping', id: 'p' });
    expect(await anns.next()).toEqual({ type: 'pong', id: 'p' });
    await anns.close();
  });

  it('of a thread moves the marker of the thread', async () => {
    const { anns, chat, sent, send } = await newTalk();
    const root = sent[0];
    const reply = await send(root?.id);
    anns.send({ type: 'read', id: 'r', seq: reply.seq, thread: root?.id });
    expect(await anns.next('ack')).toMatchObject({ id: 'r', state: { readSeq: 0 } });
    const place = { chatId: chat.id, rootSeq: root?.seq ?? 0 };
    expect(await services.threads.states(ann.id, [place])).toMatchObject([{ readSeq: reply.seq, unread: 0 }]);
    await anns.close();
  });

  it.each([
    [{ seq: '3' }, 'seq'],
    [{}, 'seq'],
    [{ seq: -1 }, 'seq'],
    [{ seq: 99 }, 'seq'],
    [{ seq: 3, thread: 5 }, 'thread'],
    [{ seq: 3, thread: 'x' }, 'thread'],
  ])('is refused with %j', async (members, field) => {
    const { anns } = await newTalk();
    anns.send({ type: 'read', id: 'r', ...members });
    expect(await anns.next()).toMatchObject({ type: 'error', id: 'r', code: 'BAD_USER_INPUT', field });
    await anns.close();
  });

  it('is told to the others of the chat', async () => {
    const { anns, chat, sent } = await newTalk();
    const bobs = await app.join(chat.name, bob);
    const heard = bobs.next('receipts');
    anns.send({ type: 'read', seq: sent[0]?.seq });
    anns.send({ type: 'read', seq: sent[1]?.seq });
    expect(await heard).toEqual({ type: 'receipts', reads: [{ user: ann.id, seq: sent[1]?.seq }] });
    await bobs.close();
    await anns.close();
  });

  it('needs the scope write', async () => {
    const { anns, chat } = await newTalk();
    const reading = await app.open(chat.name, await app.newToken(ann, ['read']));
    await reading.next('live');
    reading.send({ type: 'read', id: 'r', seq: 3 });
    expect(await reading.next()).toMatchObject({ type: 'error', id: 'r', code: 'FORBIDDEN' });
    await reading.close();
    await anns.close();
  });
});

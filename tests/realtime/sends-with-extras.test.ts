import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices, viewerOf } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: RealtimeApp;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  services = await startOwnServices({ mentionAllLimit: 2 });
  app = await startRealtimeApp(services);
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const onWire = ({ id, username }: UserProfile) => ({ id, username });

/** A chat of ann and bob with two messages, and the sockets of both. */
async function newTalk() {
  const chat = await services.newChat(ann, bob);
  const send = (content: string) => services.messages.send(viewerOf(bob), { chatId: chat.id, content });
  const [quoted, root] = [await send('quoted'), await send('root')];
  const [anns, bobs] = [await app.join(chat.name, ann), await app.join(chat.name, bob)];
  return {
    ...{ chat, quoted, root, anns, bobs },
    /** Sends a frame of ann's, and returns the answer to it. */
    async ask(members: object) {
      anns.send({ type: 'message.send', id: 'c1', content: 'hi', ...members });
      for (;;) {
        const answer = await anns.next();
        if (answer.type === 'ack' || answer.type === 'error') return answer;
      }
    },
    async close() {
      await anns.close();
      await bobs.close();
    },
  };
}

describe('message.send with extras', () => {
  it('is acknowledged and heard with all of them, and without a quoted word', async () => {
    const { chat, quoted, root, bobs, ask, close } = await newTalk();
    await services.memberships.setRole(null, chat.id, ann.id, 'owner');
    const heard = bobs.next('message.created');
    const metadata = { kind: 'poll', votes: [1, null] };
    const ack = await ask({
      ...{ nonce: 'n', replyTo: quoted.id.toUpperCase(), thread: root.id, alsoInChat: true },
      ...{ mentions: [bob.id, ann.id, bob.id], mentionAll: true, metadata },
    });
    const message = {
      id: expect.any(String),
      seq: 6,
      content: 'hi',
      createdAt: expect.any(String),
      sender: onWire(ann),
      replyTo: { id: quoted.id, seq: quoted.seq },
      thread: { rootId: root.id, rootSeq: root.seq, alsoInChat: true },
      mentions: [onWire(bob), onWire(ann)],
      mentionsAll: true,
      metadata,
    };
    expect(ack).toEqual({ type: 'ack', id: 'c1', message: { ...message, nonce: 'n' } });
    const event = await heard;
    expect(event).toMatchObject({ type: 'message.created', seq: 6, actor: onWire(ann) });
    expect(event.message).toEqual(message);
    // Who resumes gets the same.
    const later = await app.open(chat.name, await app.newToken(bob), { query: { after: `${chat.epoch}:5` } });
    expect(await later.next('message.created')).toEqual(event);
    await later.close();
    await close();
  });

  it.each<[string, object, object]>([
    ['a quote', { replyTo: 'quoted' }, { replyTo: { id: 'quoted', seq: 3 } }],
    ['a reply', { thread: 'root' }, { thread: { rootId: 'root', rootSeq: 4, alsoInChat: false } }],
    ['metadata', { metadata: { a: null } }, { metadata: { a: null } }],
    ['nothing', { replyTo: null, thread: null, mentions: null, mentionAll: null, metadata: null }, {}],
    ['the defaults', { alsoInChat: false, mentions: [], mentionAll: false }, {}],
  ])('shows %s and no other member', async (_what, given, shown) => {
    const { quoted, root, bobs, ask, close } = await newTalk();
    const named = (members: object): object =>
      JSON.parse(JSON.stringify(members).replace('"quoted"', `"${quoted.id}"`).replace('"root"', `"${root.id}"`));
    const heard = bobs.next('message.created');
    const { message } = await ask(named(given));
    const { id, createdAt } = message as { id: string; createdAt: string };
    expect(message).toEqual({ id, seq: 5, content: 'hi', createdAt, sender: onWire(ann), ...named(shown) });
    expect((await heard).message).toEqual(message);
    await close();
  });

  it('of a Django Channels client is heard with its extras, and not acknowledged', async () => {
    const { root, anns, bobs, close } = await newTalk();
    anns.send({ message: 'hi', thread: root.id, mentions: [bob.id] });
    const expected = { thread: { rootId: root.id }, mentions: [onWire(bob)] };
    expect(await bobs.next()).toMatchObject({ type: 'message.created', message: expected });
    expect(await anns.next()).toMatchObject({ type: 'message.created', message: expected });
    await close();
  });

  it('quotes what is deleted later by its id alone', async () => {
    const { chat, quoted, bobs, ask, close } = await newTalk();
    await ask({ replyTo: quoted.id });
    bobs.send({ type: 'message.delete', id: 'd', messageId: quoted.id });
    await bobs.next('ack');
    const later = await app.open(chat.name, await app.newToken(ann), { query: { after: `${chat.epoch}:2` } });
    const [first, , reply] = await later.take(3, 'message.created');
    expect(first?.message).toMatchObject({ id: quoted.id, content: '', deletedAt: expect.any(String) });
    expect(reply?.message).toMatchObject({ replyTo: { id: quoted.id, seq: quoted.seq } });
    expect(JSON.stringify(later.frames)).not.toContain('"quoted"');
    await later.close();
    await close();
  });
});

describe('a refused message.send', () => {
  const unknown = crypto.randomUUID();
  const bad = (field: string) => ({ code: 'BAD_USER_INPUT', field });
  const needs = (role: string) => ({ code: 'FORBIDDEN', rule: 'chat.role', needs: role });

  it.each<[string, object, object]>([
    ['replyTo of another type', { replyTo: 1 }, bad('replyTo')],
    ['replyTo that is no id', { replyTo: 'x' }, bad('replyTo')],
    ['replyTo of no message', { replyTo: unknown }, bad('replyTo')],
    ['thread of another type', { thread: {} }, bad('thread')],
    ['thread that is no id', { thread: '' }, bad('thread')],
    ['thread of no message', { thread: unknown }, bad('thread')],
    ['alsoInChat of another type', { alsoInChat: 1 }, bad('alsoInChat')],
    ['alsoInChat without a thread', { alsoInChat: true }, bad('alsoInChat')],
    ['mentions of another type', { mentions: 'x' }, bad('mentions')],
    ['mentions of other types', { mentions: [1] }, bad('mentions')],
    ['mentions that are no ids', { mentions: ['x'] }, bad('mentions')],
    ['a mention of no member', { mentions: [unknown] }, bad('mentions')],
    ['51 mentions', { mentions: Array.from({ length: 51 }, () => crypto.randomUUID()) }, bad('mentions')],
    ['mentionAll of another type', { mentionAll: 'true' }, bad('mentionAll')],
    ['mentionAll by a member', { mentionAll: true }, needs('moderator')],
    ['metadata that is no object', { metadata: 'x' }, bad('metadata')],
    ['metadata that is a list', { metadata: [] }, bad('metadata')],
    ['metadata that is too deep', { metadata: { a: { b: { c: { d: { e: { f: 1 } } } } } } }, bad('metadata')],
    ['metadata that is too long', { metadata: { a: 'x'.repeat(4096) } }, bad('metadata')],
  ])('%s: the error names the member or the rule, and nothing is sent', async (_what, members, refusal) => {
    const { chat, ask, close } = await newTalk();
    expect(await ask(members)).toEqual({ type: 'error', id: 'c1', message: expect.any(String), ...refusal });
    expect((await services.chatLog.heads([chat.id]))[0]?.seq).toBe(4);
    await close();
  });

  it('of a deleted quote, of a thread in a thread, and of a deleted root without replies', async () => {
    const { quoted, root, bobs, ask, close } = await newTalk();
    const { message } = await ask({ thread: root.id, alsoInChat: true });
    const reply = message as { id: string };
    expect(await ask({ thread: reply.id })).toMatchObject({ type: 'error', ...bad('thread') });
    bobs.send({ type: 'message.delete', messageId: quoted.id });
    await bobs.next('ack');
    expect(await ask({ replyTo: quoted.id })).toEqual({
      ...{ type: 'error', id: 'c1', message: expect.any(String) },
      ...{ code: 'CONFLICT', field: 'replyTo', rule: 'message.deleted' },
    });
    expect(await ask({ thread: quoted.id })).toMatchObject({ type: 'error', ...bad('thread') });
    bobs.send({ type: 'message.delete', messageId: root.id });
    await bobs.next('ack');
    expect(await ask({ thread: root.id })).toMatchObject({ type: 'ack' });
    await close();
  });

  it('of a mention of everybody by a moderator of a chat with many members', async () => {
    const { chat, ask, close } = await newTalk();
    await services.memberships.setRole(null, chat.id, ann.id, 'moderator');
    expect(await ask({ mentionAll: true })).toMatchObject({ type: 'ack', message: { mentionsAll: true } });
    await services.memberships.add(null, chat.id, (await services.newUser()).id);
    expect(await ask({ mentionAll: true })).toMatchObject({ type: 'error', ...needs('owner') });
    await close();
  });

  it('of a reader: the role is refused before what is sent is looked at', async () => {
    const { chat, root, ask, close } = await newTalk();
    await services.memberships.setRole(null, chat.id, ann.id, 'reader');
    for (const members of [{}, { thread: root.id }, { thread: unknown }])
      expect(await ask(members)).toMatchObject({ type: 'error', ...needs('member') });
    await close();
  });

  it('of a nonce with another content, quote or thread; the same again gives the first message', async () => {
    const { quoted, root, ask, close } = await newTalk();
    const first = { nonce: 'n', thread: root.id, replyTo: quoted.id };
    const { message } = await ask(first);
    expect(await ask({ ...first, metadata: { a: 1 } })).toEqual({ type: 'ack', id: 'c1', message });
    for (const changed of [{ content: 'ho' }, { thread: null }, { replyTo: root.id }])
      expect(await ask({ ...first, ...changed })).toMatchObject({
        type: 'error',
        code: 'NONCE_REUSED',
        field: 'nonce',
      });
    await close();
  });
});

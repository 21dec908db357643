import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices, viewerOf } from '../support/services.js';
import { TRANSPORTS, type Transport } from '../support/transports.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: RealtimeApp;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  services = await startOwnServices({ probeIntervalMs: 50 });
  app = await startRealtimeApp(services);
  ann = await services.newUser();
  bob = await services.newUser();
});

afterAll(async () => {
  await app.close();
  await services.close();
});

async function write(chatId: string, ...contents: string[]): Promise<void> {
  for (const content of contents) await services.messages.send(viewerOf(ann), { chatId, content, nonce: content });
}

describe.each(TRANSPORTS)('on %s', (_name, of) => {
  let transport: Transport;

  beforeAll(() => {
    transport = of(app);
  });

  describe('a client that comes back with a cursor', () => {
    it('gets hello with that cursor, what it missed, live, and then what happens, without a hole', async () => {
      const chat = await services.newChat(ann, bob);
      await write(chat.id, 'three', 'four');
      const socket = await transport.open(chat.name, await app.newToken(bob), { query: { after: `${chat.epoch}:1` } });
      expect(await socket.next()).toMatchObject({ type: 'hello', cursor: `${chat.epoch}:1` });
      expect(await socket.take(3)).toMatchObject([
        { type: 'member.added', seq: 2, member: { user: { id: bob.id } } },
        { type: 'message.created', seq: 3, message: { content: 'three' } },
        { type: 'message.created', seq: 4, message: { content: 'four' } },
      ]);
      expect(await socket.next()).toEqual({ type: 'live', cursor: `${chat.epoch}:4` });
      await write(chat.id, 'five');
      expect(await socket.next()).toMatchObject({ seq: 5, message: { content: 'five' } });
      await socket.close();
    });

    it('sees its own nonces in history, and not those of others', async () => {
      const chat = await services.newChat(ann, bob);
      await write(chat.id, 'mine');
      const query = { after: `${chat.epoch}:2` };
      const own = await transport.open(chat.name, await app.newToken(ann), { query });
      expect(await own.next('message.created')).toMatchObject({ message: { nonce: 'mine' } });
      const other = await transport.open(chat.name, await app.newToken(bob), { query });
      expect((await other.next('message.created')).message).not.toHaveProperty('nonce');
      await Promise.all([own.close(), other.close()]);
    });

    it('is live at once with the cursor of the head', async () => {
      const chat = await services.newChat(ann);
      const after = `${chat.epoch}:1`;
      const socket = await transport.open(chat.name, await app.newToken(ann), { query: { after } });
      expect(await socket.take(2)).toMatchObject([
        { type: 'hello', cursor: after },
        { type: 'live', cursor: after },
      ]);
      await socket.close();
    });

    it('reads a history that is larger than what a socket holds', async () => {
      const chat = await services.newChat(ann);
      const content = 'x'.repeat(3990);
      await Promise.all(
        Array.from({ length: 600 }, (_, index) =>
          services.messages.send(viewerOf(ann), { chatId: chat.id, content: `${content}${index}` }),
        ),
      );
      const socket = await transport.open(chat.name, await app.newToken(ann), { query: { after: `${chat.epoch}:0` } });
      socket.pause();
      await write(chat.id, 'while it did not read');
      socket.resume();
      await socket.next('hello');
      const frames = await socket.take(602);
      const seqs = frames.filter((frame) => frame.type !== 'live').map((frame) => frame.seq);
      expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1));
      await socket.close();
    });

    it.each([
      ['another epoch', () => 'aaaaaaaa:1'],
      ['a number that was not reached', (epoch: string) => `${epoch}:99`],
    ])('is told to load again after a cursor of %s, and the stream goes on from the head', async (_, after) => {
      const chat = await services.newChat(ann);
      const head = `${chat.epoch}:1`;
      const socket = await transport.open(chat.name, await app.newToken(ann), { query: { after: after(chat.epoch) } });
      expect(await socket.take(3)).toMatchObject([
        { type: 'hello', cursor: head },
        { type: 'reset', reason: 'epoch', cursor: head },
        { type: 'live', cursor: head },
      ]);
      await write(chat.id, 'next');
      expect(await socket.next()).toMatchObject({ seq: 2 });
      await socket.close();
    });

    it('is told so while it listens, too, when a backup is restored', async () => {
      const chat = await services.newChat(ann);
      const socket = await transport.join(chat.name, ann);
      await services.chats.rotateEpoch(chat.name);
      const { cursor } = await socket.next('reset');
      expect(cursor).not.toBe(`${chat.epoch}:1`);
      expect(await socket.next()).toEqual({ type: 'live', cursor });
      await socket.close();
    });
  });

  describe('a member who is removed', () => {
    it('gets the removal, closing and 4410, and nothing after it', async () => {
      const chat = await services.newChat(ann, bob);
      const [removed, stays] = await Promise.all([transport.join(chat.name, bob), transport.join(chat.name, ann)]);
      await Promise.all([services.memberships.remove(null, chat.id, bob.id), write(chat.id, 'a', 'b', 'c')]);
      const { seq } = await stays.next('member.removed');
      expect(await removed.closed).toEqual({ code: 4410, reason: 'removed_from_chat' });
      expect(removed.frames.slice(-2)).toMatchObject([
        { type: 'member.removed', seq, user: { id: bob.id } },
        { type: 'closing', code: 4410, reason: 'removed_from_chat' },
      ]);
      await stays.close();
    });

    it('and added again reads the history of its removal without being thrown out', async () => {
      const chat = await services.newChat(ann, bob);
      await services.memberships.remove(null, chat.id, bob.id);
      await services.memberships.add(null, chat.id, bob.id);
      const socket = await transport.open(chat.name, await app.newToken(bob), { query: { after: `${chat.epoch}:2` } });
      await socket.next('hello');
      expect(await socket.take(3)).toMatchObject([
        { type: 'member.removed', user: { id: bob.id } },
        { type: 'member.added' },
        { type: 'live' },
      ]);
      await socket.close();
    });
  });

  describe('a chat that is deleted', () => {
    it('closes its sockets with 4410', async () => {
      const chat = await services.newChat(ann);
      const socket = await transport.join(chat.name, ann);
      await services.db.prisma.chat.delete({ where: { id: chat.id } });
      expect(await socket.closed).toEqual({ code: 4410, reason: 'chat_gone' });
    });
  });
});

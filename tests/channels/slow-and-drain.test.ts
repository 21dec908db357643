import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices, viewerOf } from '../support/services.js';
import { TRANSPORTS } from '../support/transports.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  services = await startOwnServices();
  ann = await services.newUser();
  bob = await services.newUser();
});

afterAll(() => services.close());

describe.each(TRANSPORTS)('on %s', (_name, of) => {
  describe('a member who does not read', () => {
    it('is closed with 1013, the others get every message at once, and it resumes and has everything', async () => {
      const app = await startRealtimeApp(services, { stallMs: 300, checkIntervalMs: 50 });
      const chat = await services.newChat(ann, bob);
      const transport = of(app);
      const [slow, healthy] = await Promise.all([transport.join(chat.name, bob), app.join(chat.name, ann)]);
      slow.pause();
      let isClosed = false;
      void slow.closed.then(() => {
        isClosed = true;
      });
      // More than the kernel's buffers and the outbox hold; written until the service has had enough of the slow one.
      const content = '😀'.repeat(4000);
      let written = 0;
      const write = async () => {
        const batch = Array.from({ length: 100 }, () =>
          services.messages.send(viewerOf(ann), { chatId: chat.id, content }),
        );
        written += (await Promise.all(batch)).length;
      };
      // Who does not read does not hear that it is closed.
      for (const connection of app.connections) connection.once('close', () => (isClosed = true));
      while (!isClosed) {
        await write();
        // Whoever is late here was held up by the slow one.
        await healthy.take(100, 'message.created');
      }
      slow.resume();
      await slow.closed;
      const seen = slow.frames.filter((frame) => frame.type === 'message.created');
      expect(seen.length).toBeLessThan(written);
      const cursor = String(seen.at(-1)?.cursor ?? `${chat.epoch}:2`);
      const again = await transport.open(chat.name, await app.newToken(bob), { query: { after: cursor } });
      const rest = await again.take(written - seen.length, 'message.created');
      expect([...seen, ...rest].map((frame) => frame.seq)).toEqual(
        Array.from({ length: written }, (_, index) => index + 3),
      );
      await Promise.all([again.close(), healthy.close()]);
      await app.close();
    });
  });

  describe('a process that drains', () => {
    it('says so on every stream, closes with 1012, and leaves no stream and no session', async () => {
      const app = await startRealtimeApp(services);
      const chat = await services.newChat(ann, bob);
      const sockets = await Promise.all([of(app).join(chat.name, ann), of(app).join(chat.name, bob)]);
      await app.close();
      for (const socket of sockets) {
        expect(await socket.closed).toEqual({ code: 1012, reason: 'draining' });
        expect(socket.frames.at(-1)).toEqual({ type: 'closing', code: 1012, reason: 'draining' });
      }
      expect([services.chatStreams.size, services.sessions.size]).toEqual([0, 0]);
    });
  });
});

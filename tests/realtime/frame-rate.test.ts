import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let ann: UserProfile;

beforeAll(async () => {
  services = await startOwnServices();
  ann = await services.newUser();
});

afterAll(() => services.close());

describe('a client that sends too much', () => {
  it('is closed with 4429, after a closing frame', async () => {
    const app = await startRealtimeApp(services, { frameRate: { perSecond: 10, burst: 10 } });
    const chat = await services.newChat(ann);
    const socket = await app.join(chat.name, ann);
    for (let count = 0; count < 30; count += 1) socket.send({ type: 'ping', id: `${count}` });
    expect(await socket.closed).toEqual({ code: 4429, reason: 'too_many_frames' });
    expect(socket.frames.slice(-2)).toEqual([
      { type: 'pong', id: '9' },
      { type: 'closing', code: 4429, reason: 'too_many_frames' },
    ]);
    await app.close();
  });
});

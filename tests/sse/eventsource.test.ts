import { EventSource } from 'eventsource';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices, viewerOf } from '../support/services.js';
import { waitUntil } from '../support/wait-until.js';

const CUTS = 5;
const PER_CUT = 20;

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: RealtimeApp;
let ann: UserProfile;

beforeAll(async () => {
  services = await startOwnServices();
  app = await startRealtimeApp(services);
  ann = await services.newUser();
});

afterAll(async () => {
  await app.close();
  await services.close();
});

const send = (chatId: string, content: string) => services.messages.send(viewerOf(ann), { chatId, content });

/** An EventSource with a token, which a browser's cannot send. */
function open(url: string, token: string) {
  const source = new EventSource(url, {
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } }),
  });
  const seqs: number[] = [];
  source.addEventListener('message.created', ({ data }) => seqs.push(JSON.parse(data).seq));
  return { source, seqs };
}

it('an EventSource that is cut again and again comes back by itself, and misses nothing', {
  timeout: 60_000,
}, async () => {
  const chat = await services.newChat(ann);
  // Where it began: what is said while it is away the first time must not depend on an event that it got.
  const { source, seqs } = open(app.eventsUrl(chat.name), await app.newToken(ann));
  await new Promise((resolve) => source.addEventListener('hello', resolve, { once: true }));
  let sent = 0;
  for (let cut = 0; cut < CUTS; cut += 1) {
    for (const connection of app.connections) connection.resetAndDestroy();
    // While it waits for the time that it was told, and while it reads.
    await Promise.all(Array.from({ length: PER_CUT }, () => send(chat.id, `message ${sent++}`)));
    const isBack = new Promise((resolve) => source.addEventListener('live', resolve, { once: true }));
    await isBack;
    await Promise.all(Array.from({ length: PER_CUT }, () => send(chat.id, `message ${sent++}`)));
  }
  await waitUntil('every message', 10_000, () => seqs.length >= sent);
  expect(seqs).toEqual(Array.from({ length: sent }, (_, index) => index + 2));
  source.close();
});

it('an EventSource with a ticket stops when it is cut: its ticket is used, and the page opens another one', async () => {
  const chat = await services.newChat(ann);
  const ticket = await services.tokens.createSocketTicket(await services.newViewer(ann));
  const source = new EventSource(app.eventsUrl(chat.name, { ticket }));
  const lastEventId = await new Promise((resolve) =>
    source.addEventListener('live', (event) => resolve(event.lastEventId), { once: true }),
  );
  expect(lastEventId).toBe(`${chat.epoch}:1`);
  const stopped = new Promise<void>((resolve) => {
    source.addEventListener('error', () => source.readyState === source.CLOSED && resolve());
  });
  for (const connection of app.connections) connection.resetAndDestroy();
  await stopped;
  await send(chat.id, 'meanwhile');
  const another = await services.tokens.createSocketTicket(await services.newViewer(ann));
  const next = new EventSource(app.eventsUrl(chat.name, { ticket: another, after: String(lastEventId) }));
  const { data } = await new Promise<MessageEvent>((resolve) => next.addEventListener('message.created', resolve));
  expect(JSON.parse(data)).toMatchObject({ message: { content: 'meanwhile' } });
  next.close();
});

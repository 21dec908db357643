import { afterAll, beforeAll, expect, it } from 'vitest';
import type { UserProfile } from '../../src/domain/profile.js';
import { EventStreamClient } from '../support/event-stream.js';
import { type RealtimeApp, startRealtimeApp } from '../support/realtime-app.js';
import { startOwnServices } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let app: RealtimeApp;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  services = await startOwnServices({ probeIntervalMs: 25, markerIntervalMs: 10 });
  app = await startRealtimeApp(services);
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterAll(async () => {
  await app.close();
  await services.close();
});

async function openInbox(headers: Record<string, string> = {}): Promise<EventStreamClient> {
  const authorization = `Bearer ${await app.newToken(ann)}`;
  return EventStreamClient.open(`${app.origin.replace('ws:', 'http:')}/sse/inbox`, {
    headers: { authorization, ...headers },
  });
}

it('has the events of all chats, each with the position as its id, and resumes after it', async () => {
  const chat = await services.newChat(ann, bob);
  const inbox = await openInbox();
  expect(await inbox.next()).toMatchObject({ type: 'hello', user: { id: ann.id }, position: expect.any(String) });
  expect(await inbox.next()).toMatchObject({ type: 'live' });
  const bobs = await app.join(chat.name, bob);
  bobs.send({ type: 'message.send', content: 'one' });
  const first = await inbox.next();
  expect(first).toMatchObject({ type: 'message.created', chatId: chat.id, seq: 3 });
  await inbox.close();
  bobs.send({ type: 'message.send', content: 'two' });
  await bobs.take(2, 'ack');
  await services.memberships.remove(null, chat.id, ann.id);
  const again = await openInbox({ 'last-event-id': String(first.position) });
  await again.next('hello');
  const frames = await again.take(3);
  expect(frames.map(({ type, seq }) => `${type} ${seq ?? ''}`)).toEqual([
    'message.created 4',
    'member.removed 5',
    'live ',
  ]);
  await again.close();
  // The inbox of a user without chats stays open, and a chat that the user joins opens in it.
  const empty = await openInbox({ 'last-event-id': String(frames[1]?.position) });
  await empty.next('live');
  const { id } = await services.newChat(ann);
  expect(await empty.next()).toMatchObject({ type: 'member.added', chatId: id, seq: 1 });
  await empty.close();
  await bobs.close();
});

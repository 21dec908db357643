import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import type { ChatEvent } from '../../../src/domain/log/chat-events.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { startServices, type TestServices, viewerOf } from '../../support/services.js';
import { RecordingInbox } from './recording-inbox.js';

/** Nothing is found by the probe in these tests. */
const NEVER_MS = 1_000_000;

let database: TestDatabase;
let services: TestServices;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  database = await createTestDatabase();
  services = await startServices(database, new InProcessBus(), { probeIntervalMs: NEVER_MS });
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterEach(() => {
  vi.restoreAllMocks();
});

afterAll(async () => {
  await services.close();
  await database.drop();
});

const say = (chatId: string) => services.messages.send(viewerOf(bob), { chatId, content: 'x' });

/** Full after its first event. */
class SlowInbox extends RecordingInbox {
  override event(event: ChatEvent, position: string): void {
    super.event(event, position);
    if (this.items.length === 2) this.hasRoom = false;
  }
}

it('a message that comes while a client catches up with an earlier membership follows at once', async () => {
  const chat = await services.newChat(ann, bob);
  const inbox = await new SlowInbox(services, ann).open();
  inbox.close();
  const first = (await say(chat.id)).seq;
  await services.memberships.remove(null, chat.id, ann.id);
  await services.memberships.add(null, chat.id, ann.id);
  await inbox.open(1);
  await inbox.until('The first message', () => inbox.seqs(chat.id).length > 0);
  const { seq } = await say(chat.id);
  inbox.resume();
  await inbox.until('The last message', () => inbox.seqs(chat.id).includes(seq));
  expect(inbox.seqs(chat.id)).toEqual([first, first + 1, first + 2, seq]);
  inbox.close();
});

it('a message in a chat that is joined while an inbox opens is not missed', async () => {
  const chat = await services.newChat(bob);
  const { inbox: reader } = services;
  const { chatIds, since } = reader;
  vi.spyOn(reader, 'chatIds').mockImplementationOnce(async (userId) => {
    const ids = await chatIds.call(reader, userId);
    await services.memberships.add(null, chat.id, ann.id);
    return ids;
  });
  let seq = 0;
  vi.spyOn(reader, 'since').mockImplementationOnce(async (userId, position) => {
    const snapshot = await since.call(reader, userId, position);
    seq = (await say(chat.id)).seq;
    return snapshot;
  });
  const inbox = await new RecordingInbox(services, ann).open();
  await inbox.until('The message', () => inbox.seqs(chat.id).includes(seq));
  expect(inbox.seqs(chat.id).at(-1)).toBe(seq);
  inbox.close();
  expect(services.chatStreams.openChats).toBe(0);
});

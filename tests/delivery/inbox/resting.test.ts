import { afterAll, beforeAll, expect, it } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { startServices, type TestServices, viewerOf } from '../../support/services.js';
import { waitUntil } from '../../support/wait-until.js';
import { RecordingInbox } from './recording-inbox.js';

/** Loses everything while it is told to. */
class LossyBus extends InProcessBus {
  isLossy = false;

  override publish(topic: string, payload: string): Promise<void> {
    return this.isLossy ? Promise.resolve() : super.publish(topic, payload);
  }
}

const bus = new LossyBus();
let database: TestDatabase;
let services: TestServices;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  database = await createTestDatabase();
  services = await startServices(database, bus, { probeIntervalMs: 15, inboxes: { restIntervalMs: 30 } });
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterAll(async () => {
  await services.close();
  await database.drop();
});

const say = (chatId: string) => services.messages.send(viewerOf(bob), { chatId, content: 'x' });
const noStreams = () => waitUntil('All chats rest', 5000, async () => services.chatStreams.size === 0);

it('a chat has a stream while something comes, and none while it is quiet', async () => {
  const chat = await services.newChat(ann, bob);
  await services.newChat(ann, bob);
  const inbox = await new RecordingInbox(services, ann).open();
  await inbox.until('Live', () => inbox.items.length > 1);
  expect(services.chatStreams.size).toBe(0);
  expect(services.chatStreams.openChats).toBe(2);
  for (let round = 1; round <= 3; round += 1) {
    const { seq } = await say(chat.id);
    await inbox.until('The message', () => inbox.seqs(chat.id).includes(seq));
    expect(services.chatStreams.size).toBe(1);
    await noStreams();
    expect(inbox.seqs(chat.id)).toHaveLength(round);
  }
  inbox.close();
  expect(services.chatStreams.openChats).toBe(0);
});

it('an event of a chat at rest that the bus loses is found by the probe, once', async () => {
  const chat = await services.newChat(ann, bob);
  const inbox = await new RecordingInbox(services, ann).open();
  bus.isLossy = true;
  const lost = [await say(chat.id), await say(chat.id)].map(({ seq }) => seq);
  await inbox.until('The lost messages', () => inbox.seqs(chat.id).length >= 2);
  await noStreams();
  lost.push((await say(chat.id)).seq);
  bus.isLossy = false;
  lost.push((await say(chat.id)).seq);
  await inbox.until('All messages', () => inbox.seqs(chat.id).length >= 4);
  expect(inbox.seqs(chat.id)).toEqual(lost);
  inbox.close();
});

it('a chat at rest hears of its member’s removal and return, also when the bus loses both', async () => {
  const chat = await services.newChat(ann, bob);
  const inbox = await new RecordingInbox(services, ann).open();
  bus.isLossy = true;
  const before = (await say(chat.id)).seq;
  await services.memberships.remove(null, chat.id, ann.id);
  await say(chat.id);
  await services.memberships.add(null, chat.id, ann.id);
  const { seq } = await say(chat.id);
  bus.isLossy = false;
  await inbox.until('The last message', () => inbox.seqs(chat.id).includes(seq));
  expect(inbox.seqs(chat.id)).toEqual([before, before + 1, before + 3, before + 4]);
  inbox.close();
});

it('two inboxes of a chat at rest both hear of it', async () => {
  const chat = await services.newChat(ann, bob);
  const inboxes = [await new RecordingInbox(services, ann).open(), await new RecordingInbox(services, bob).open()];
  const { seq } = await say(chat.id);
  for (const inbox of inboxes) await inbox.until('The message', () => inbox.seqs(chat.id).includes(seq));
  inboxes[0]?.close();
  await noStreams();
  const later = await say(chat.id);
  await inboxes[1]?.until('The next message', () => inboxes[1]?.seqs(chat.id).includes(later.seq) === true);
  expect(inboxes.map((inbox) => inbox.seqs(chat.id))).toEqual([[seq], [seq, later.seq]]);
  inboxes[1]?.close();
});

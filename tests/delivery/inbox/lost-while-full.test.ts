import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { UserProfile } from '../../../src/domain/profile.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { ResettableBus } from '../../support/resettable-bus.js';
import { startServices, type TestServices, viewerOf } from '../../support/services.js';
import { waitUntil } from '../../support/wait-until.js';
import { RecordingInbox } from './recording-inbox.js';

/** Loses everything while it is told to. */
class LossyBus extends ResettableBus {
  isLossy = false;

  override publish(topic: string, payload: string): Promise<void> {
    return this.isLossy ? Promise.resolve() : super.publish(topic, payload);
  }
}

/** The test says when the probe looks. */
const NEVER_MS = 1_000_000;
const REST_INTERVAL_MS = 10;

const bus = new LossyBus();
let database: TestDatabase;
let services: TestServices;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  database = await createTestDatabase();
  services = await startServices(database, bus, {
    probeIntervalMs: NEVER_MS,
    inboxes: { restIntervalMs: REST_INTERVAL_MS, levelIntervalMs: NEVER_MS },
  });
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterAll(async () => {
  await services.close();
  await database.drop();
});

async function probe(): Promise<void> {
  const compared = vi.spyOn(services.inboxStreams, 'compared');
  bus.reset();
  await waitUntil('The comparison', 5000, () => compared.mock.settledResults[0]?.type === 'fulfilled');
  compared.mockRestore();
}

it.each(['a message', 'a removal'])(
  '%s that the bus loses while the client takes nothing, and that a probe sees before the client takes more, is delivered',
  async (what) => {
    const chat = await services.newChat(bob);
    const inbox = await new RecordingInbox(services, ann).open();
    inbox.close();
    bus.isLossy = true;
    await services.memberships.add(null, chat.id, ann.id);
    inbox.hasRoom = false;
    await inbox.open(1);
    const head = async () => (await services.chatLog.heads([chat.id]))[0]?.seq ?? 0;
    const joined = await head();
    if (what === 'a message') await services.messages.send(viewerOf(bob), { chatId: chat.id, content: 'x' });
    else await services.memberships.remove(null, chat.id, ann.id);
    await probe();
    inbox.resume();
    await inbox.until('The join', () => inbox.seqs(chat.id).length > 0);
    // It would go to rest, if anything let it.
    await waitUntil('Rest', 20 * REST_INTERVAL_MS, () => services.chatStreams.size === 0).catch(() => {});
    await probe();
    await inbox.until('What was lost', () => inbox.seqs(chat.id).length > 1);
    expect(inbox.seqs(chat.id)).toEqual([joined, joined + 1]);
    inbox.close();
    bus.isLossy = false;
  },
);

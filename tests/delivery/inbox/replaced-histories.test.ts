import { afterAll, beforeAll, expect, it } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import type { StreamSink } from '../../../src/delivery/stream-sink.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { startServices, type TestServices, viewerOf } from '../../support/services.js';
import { RecordingInbox } from './recording-inbox.js';

const bus = new InProcessBus();
let database: TestDatabase;
let services: TestServices;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  database = await createTestDatabase();
  services = await startServices(database, bus, { probeIntervalMs: 100 });
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterAll(async () => {
  await services.close();
  await database.drop();
});

const query = (text: string, ...values: unknown[]) => services.db.pool.query(text, values);
const resets = (inbox: RecordingInbox) => inbox.items.filter(({ type }) => type === 'reset').length;

it('an inbox whose chats all rest hears that none of them exists any more', async () => {
  const chat = await services.newChat(ann, bob);
  const inbox = await new RecordingInbox(services, ann).open();
  await inbox.until('Live', () => inbox.items.length > 1);
  await query('DELETE FROM chats WHERE id = $1', chat.id);
  await inbox.until('The reset', () => resets(inbox) > 0);
  inbox.close();
  expect(services.chatStreams.openChats).toBe(0);
});

it('an inbox begins anew once when another stream of the process has not heard yet that the history was replaced', async () => {
  const [chat, other] = [await services.newChat(ann, bob), await services.newChat(ann, bob)];
  const sink: StreamSink = {
    holdsEvents: false,
    deliver: () => true,
    replace: () => {},
    live: () => {},
    reset: () => {},
    end: () => {},
  };
  const viewer = viewerOf(bob);
  const stream = await services.chatStreams.open({ chatId: other.id, viewer: () => viewer }, sink);
  await query(`UPDATE chats SET epoch = 'anew' WHERE id = ANY ($1)`, [chat.id, other.id]);
  const inbox = await new RecordingInbox(services, ann).open();
  await inbox.until('Live', () => inbox.items.length > 1);
  const { seq } = await services.messages.send(viewerOf(bob), { chatId: other.id, content: 'x' });
  await inbox.until('The message', () => inbox.seqs(other.id).includes(seq));
  expect(resets(inbox)).toBe(0);
  inbox.close();
  stream.close();
  expect(services.chatStreams.openChats).toBe(0);
});

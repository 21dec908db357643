import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { InProcessBus } from '../../../src/delivery/in-process-bus.js';
import type { InboxStream } from '../../../src/delivery/inbox/inbox-stream.js';
import { parsePosition } from '../../../src/domain/mine/inbox-position.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { Reach } from '../../../src/domain/viewer.js';
import { createTestDatabase, type TestDatabase } from '../../support/database.js';
import { startServices, type TestServices, viewerOf } from '../../support/services.js';
import { RecordingInbox } from './recording-inbox.js';

let database: TestDatabase;
let services: TestServices;
let ann: UserProfile;
let bob: UserProfile;

beforeAll(async () => {
  database = await createTestDatabase();
  services = await startServices(database, new InProcessBus(), { probeIntervalMs: 15 });
  [ann, bob] = [await services.newUser(), await services.newUser()];
});

afterAll(async () => {
  await services.close();
  await database.drop();
});

const say = (chatId: string) => services.messages.send(viewerOf(bob), { chatId, content: 'x' });

/** Ann's, under a token of these chats. */
function open(sink: RecordingInbox, reach: () => Reach, after?: string): Promise<InboxStream> {
  const viewer = () => ({ ...viewerOf(ann), chats: reach() });
  const request = { viewer, maxMissed: 5000, restarts: false, after: after ? parsePosition(after) : undefined };
  return services.inboxStreams.open(request, sink);
}

it('what was said in a chat before a new token reached it does not come after a reconnect, also of a client that was catching up', async () => {
  const ids = [(await services.newChat(ann, bob)).id, (await services.newChat(ann, bob)).id].sort();
  const [behind = '', entering = ''] = ids;
  let reach = new Set([behind]);
  const first = await open(new RecordingInbox(services, ann), () => reach);
  const { position } = first;
  first.close();
  await say(entering);
  await say(behind);
  const full = new RecordingInbox(services, ann);
  full.hasRoom = false;
  const second = await open(full, () => reach, position);
  // It has started.
  await nextTurn();
  reach = new Set(ids);
  await second.reachChanged();
  const later = second.position;
  second.close();
  const client = new RecordingInbox(services, ann);
  const third = await open(client, () => reach, later);
  const { seq } = await say(entering);
  await client.until('The next message', () => client.seqs(entering).includes(seq));
  await client.until('What was missed', () => client.seqs(behind).length > 0);
  expect(client.seqs(entering)).toEqual([seq]);
  third.close();
});

import { afterAll, beforeAll, expect, it } from 'vitest';
import { InProcessBus } from '../../src/delivery/in-process-bus.js';
import { messageOf } from '../../src/domain/log/chat-events.js';
import type { UserProfile } from '../../src/domain/profile.js';
import { Recorder } from '../support/recorder.js';
import { startOwnServices, startServices, type TestServices, viewerOf } from '../support/services.js';
import { waitUntil } from '../support/wait-until.js';

let one: Awaited<ReturnType<typeof startOwnServices>>;
/** A process that hears nothing of the other one, and does not look by itself. */
let two: TestServices;
let ann: UserProfile;

beforeAll(async () => {
  one = await startOwnServices();
  two = await startServices(one.database, new InProcessBus(), { probeIntervalMs: 3_600_000 });
});
afterAll(async () => {
  await two.close();
  await one.close();
});

async function open(chatId: string, epoch: string) {
  const viewer = viewerOf(ann);
  const recorder = new Recorder();
  const after = { epoch, seq: 0 };
  const stream = await two.chatStreams.open({ chatId, viewer: () => viewer, after }, recorder);
  return { recorder, stream };
}

it.each(['from memory', 'from a page that was read a moment before'])(
  'who connects after a deletion is not told what was deleted, though the process has heard nothing of it: %s',
  async (how) => {
    ann = await one.newUser();
    const chat = await one.newChat(ann);
    const annViewer = await one.newViewer(ann);
    const sent = () =>
      (how === 'from memory' ? two : one).messages.send(viewerOf(ann), { chatId: chat.id, content: 'secret' });
    const first = await open(chat.id, chat.epoch);
    const { id, seq } = await sent();
    const before = await open(chat.id, chat.epoch);
    await waitUntil('The message', 5000, async () => before.recorder.events.some((event) => event.seq === seq));
    await one.messageChanges.delete(annViewer, { chatId: chat.id, messageId: id });
    const later = await open(chat.id, chat.epoch);
    await waitUntil('The deletion', 5000, async () => later.recorder.events.some((event) => event.seq === seq + 1));
    expect(
      later.recorder.events.map((event) => messageOf(event)?.content).filter((content) => content === 'secret'),
    ).toEqual([]);
    for (const { stream } of [first, before, later]) stream.close();
  },
);

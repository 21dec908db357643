import { afterAll, beforeAll, expect, it } from 'vitest';
import type { StreamEnd } from '../../src/delivery/stream-sink.js';
import type { ChatEvent } from '../../src/domain/log/chat-events.js';
import type { UserRole } from '../../src/domain/profile.js';
import type { Viewer } from '../../src/domain/viewer.js';
import { startOwnServices, viewerOf } from '../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;

beforeAll(async () => {
  services = await startOwnServices();
});

afterAll(() => services.close());

it('a stream of an admin who was made a user ends with the removal, which an admin would have outlived', async () => {
  const user = await services.newUser('admin');
  const chat = await services.newChat(user);
  const ends: StreamEnd[] = [];
  const seen = new Map<string, { types: string[]; quiet: Promise<void> }>();
  const open = async (name: string, viewer: () => Viewer) => {
    let done = () => {};
    const entry = { types: [] as string[], quiet: new Promise<void>((resolve) => (done = resolve)) };
    seen.set(name, entry);
    return services.chatStreams.open(
      { chatId: chat.id, viewer },
      {
        deliver(events: readonly ChatEvent[]) {
          entry.types.push(...events.map(({ type }) => type));
          if (entry.types.includes('member.added')) done();
          return true;
        },
        live() {},
        holdsEvents: false,
        replace() {},
        reset() {},
        end(reason) {
          ends.push(reason);
          done();
        },
      },
    );
  };
  let role: UserRole = 'admin';
  await open('admin', () => viewerOf(user));
  await open('demoted', () => viewerOf({ ...user, role }));
  // The change comes while the third one opens, too.
  const opening = open('opening', () => viewerOf({ ...user, role }));
  role = 'user';
  await opening;
  await services.memberships.remove(null, chat.id, user.id);
  await services.memberships.add(null, chat.id, user.id);
  await Promise.all([...seen.values()].map((entry) => entry.quiet));
  expect(seen.get('admin')?.types).toEqual(['member.removed', 'member.added']);
  expect(seen.get('demoted')?.types).toEqual(['member.removed']);
  expect(seen.get('opening')?.types).toEqual(['member.removed']);
  expect(ends).toEqual(['removed', 'removed']);
});

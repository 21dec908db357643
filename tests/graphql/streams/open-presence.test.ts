import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PresenceWatch } from '../../../src/delivery/presence/presence-watch.js';
import type { UserProfile } from '../../../src/domain/profile.js';
import type { Viewer } from '../../../src/domain/viewer.js';
import { openPresence } from '../../../src/graphql/streams/open-presence.js';
import { PresenceFeed } from '../../../src/realtime/presence-feed.js';
import { startOwnServices } from '../../support/services.js';

let services: Awaited<ReturnType<typeof startOwnServices>>;
let ann: UserProfile;
let wide: Viewer;
beforeAll(async () => {
  services = await startOwnServices();
  ann = await services.newUser();
  wide = await services.newViewer(ann);
});
afterAll(() => services.close());

/** The service's presences, and the watches that they opened. */
function observed() {
  const watches: PresenceWatch[] = [];
  const watch = async (viewer: Viewer | null, userIds: readonly string[]) => {
    const opened = await services.presences.watch(viewer, userIds);
    watches.push(opened);
    return opened;
  };
  return {
    watches,
    presences: Object.assign(Object.create(services.presences), { watch }) as typeof services.presences,
  };
}

/** A subscription whose socket may get another token. */
function newSubscription() {
  const caller = { viewer: wide };
  const listeners = new Set<() => void>();
  const socket = {
    ...caller,
    hasRoom: true,
    reauthenticate: async () => {},
    operation: () => undefined,
    onViewerChange(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const { watches, presences } = observed();
  const renew = (viewer: Viewer) => {
    caller.viewer = viewer;
    for (const listener of listeners) listener();
  };
  return { watches, renew, open: () => openPresence({ services: { presences }, caller, socket }, [ann.id]) };
}

const NARROWED = () => ({ ...wide, chats: new Set([crypto.randomUUID()]) });

it('a token that comes while a subscription to presence opens is the one that counts', async () => {
  const { watches, renew, open } = newSubscription();
  const opening = open();
  const narrowed = NARROWED();
  renew(narrowed);
  const items = await opening;
  expect(watches.map(({ chats }) => chats)).toEqual([narrowed.chats]);
  expect(await items.next()).toMatchObject({ value: { userId: ann.id } });
  await items.return?.();
});

it('and ends it, if it is without the scope read', async () => {
  const { renew, open } = newSubscription();
  const opening = open();
  renew({ ...wide, scopes: new Set(['write']) });
  await expect((await opening).next()).rejects.toMatchObject({ code: 'FORBIDDEN' });
});

it('a token that comes while a raw channel asks for presence is the one that counts', async () => {
  const { watches, presences } = observed();
  const feed = new PresenceFeed(presences, { hasRoom: true }, () => {});
  const asking = feed.ask(wide, [ann.id]);
  const narrowed = NARROWED();
  feed.renewed(narrowed);
  await asking;
  expect(watches.map(({ chats }) => chats)).toEqual([narrowed.chats]);
  feed.close();
});

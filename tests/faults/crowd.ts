import { Listener } from './clients/listener.js';
import { MembershipChanges } from './clients/membership-changes.js';
import { graphqlSendPath, RawSendPath } from './clients/send-paths.js';
import { Sender } from './clients/sender.js';
import type { Edge } from './entries.js';
import type { Journal } from './journal.js';
import type { Random } from './random.js';
import { DISTURBABLE, type Load } from './scenarios.js';
import { TcpProxy } from './tcp-proxy.js';
import type { Chat, User, World } from './world.js';

export interface CrowdOptions {
  world: World;
  load: Load;
  /** The services' ports. */
  ports: readonly number[];
  journal: Journal;
  random: Random;
}

/** All clients of a round. */
export interface Crowd {
  senders: Sender[];
  /** Permanent members, connected without a proxy. */
  steady: Listener[];
  /** Permanent members, each connected through a proxy. */
  disturbable: Listener[];
  /** Listeners whose users are removed and added again. */
  guests: Listener[];
  /** Started in the middle of the round. They read the whole history. */
  latecomers: Listener[];
  membershipChanges: MembershipChanges;
}

const EDGES: readonly Edge[] = ['raw', 'graphql'];
const LATECOMERS = 4;
const QUIET_PAUSE_MS = 800;

/** Makes the clients of a round, half of each kind over GraphQL and half over the raw channel. Nobody is connected yet. */
export async function gatherCrowd(options: CrowdOptions): Promise<Crowd> {
  const { world, load, ports, journal, random } = options;
  const chats = world.chats.slice(0, load.chats);
  const newListener = listenerFactory(options);
  const proxies = await Promise.all(Array.from({ length: DISTURBABLE }, () => TcpProxy.listen({ port: 0 })));
  const guests = world.guests.map((user, index) => ({ user, chat: at(chats, index) }));

  return {
    senders: [
      ...world.senders.map((user, index) => newSender(options, user, chats, index)),
      ...guests.slice(0, 2).map(({ user, chat }, index) => newSender(options, user, [chat], index)),
      newSender({ ...options, load: { ...load, pauseMs: QUIET_PAUSE_MS } }, world.quietSender, [world.quietChat], 0),
    ],
    steady: [...chats, world.quietChat].flatMap((chat, chatIndex) =>
      Array.from({ length: load.listenersPerChat }, (_, index) =>
        newListener(`steady-${chatIndex}-${index}`, at(world.listeners, index), chat, index),
      ),
    ),
    disturbable: proxies.map((proxy, index) =>
      newListener(`disturbable-${index}`, at(world.listeners, index), at(chats, index >> 1), index, { proxy }),
    ),
    guests: guests.map(({ user, chat }, index) => newListener(`of-${user.name}`, user, chat, index)),
    latecomers: Array.from({ length: LATECOMERS }, (_, index) =>
      newListener(`latecomer-${index}`, at(world.listeners, index), at(chats, index >> 1), index),
    ),
    membershipChanges: new MembershipChanges({
      admin: world.admin,
      guests,
      ports,
      pauseMs: 250,
      journal,
      random: random.fork(),
    }),
  };
}

function newSender(
  { load, ports, journal, random }: CrowdOptions,
  user: User,
  chats: readonly Chat[],
  index: number,
): Sender {
  const { contentLength, pauseMs } = load;
  const isRaw = index % 2 === 0;
  return new Sender({
    user,
    path: isRaw ? new RawSendPath(user) : graphqlSendPath(user),
    // A raw channel is for one chat.
    chats: isRaw ? [at(chats, index >> 1)] : chats,
    ports,
    pauseMs,
    contentLength,
    journal,
    random: random.fork(),
  });
}

function listenerFactory({ ports, journal, random }: CrowdOptions) {
  let connections = 0;
  const nextConnection = () => {
    connections += 1;
    return connections;
  };
  return (name: string, user: User, chat: Chat, index: number, more: { proxy?: TcpProxy } = {}) => {
    const edge = at(EDGES, index);
    // One in four starts without a cursor, and keeps the one it is sent.
    const after = edge === 'raw' && index % 4 === 2 ? null : chat.beginning;
    const service = (index >> 1) % ports.length;
    return new Listener({
      name,
      user,
      chat,
      edge,
      ports,
      service,
      after,
      journal,
      random: random.fork(),
      nextConnection,
      ...more,
    });
  };
}

/** The item at an index modulo the length. */
function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index % items.length];
  if (item === undefined) throw new Error('There is nothing to choose from.');
  return item;
}

import { CHANGE_KINDS } from './clients/change-kinds.js';
import { changer } from './clients/changer.js';
import { Listener } from './clients/listener.js';
import { MembershipChanges } from './clients/membership-changes.js';
import { graphqlPath, RawPath } from './clients/request-paths.js';
import { Requester } from './clients/requester.js';
import { sending } from './clients/sends.js';
import { Targets } from './clients/targets.js';
import type { Edge, StreamEdge } from './entries.js';
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
  senders: Requester[];
  /** Those who edit, delete, pin, react and reply. */
  changers: Requester[];
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
const STREAM_EDGES: readonly StreamEdge[] = ['raw', 'graphql', 'sse'];
const LATECOMERS = 4;
const QUIET_PAUSE_MS = 800;
/** Between a changer's changes, on average. */
const CHANGER_PAUSE_MS = 150;

/**
 * Makes the clients of a round: senders and changers half over GraphQL and half over the raw channel, listeners a third each over these
 * and event streams. Nobody is connected yet.
 */
export async function gatherCrowd(options: CrowdOptions): Promise<Crowd> {
  const { world, load, ports, journal, random } = options;
  const chats = world.chats.slice(0, load.chats);
  const newListener = listenerFactory(options);
  const proxies = await Promise.all(Array.from({ length: DISTURBABLE }, () => TcpProxy.listen({ port: 0 })));
  const guests = world.guests.map((user, index) => ({ user, chat: at(chats, index) }));
  const targets = new Targets(random.fork());
  const newSender = senderFactory(options, targets);

  return {
    senders: [
      ...world.senders.map((user, index) => newSender(user, chats, index, load.pauseMs)),
      ...guests.slice(0, 2).map(({ user, chat }, index) => newSender(user, [chat], index, load.pauseMs)),
      newSender(world.quietSender, [world.quietChat], 0, QUIET_PAUSE_MS),
    ],
    changers: world.changers.flatMap((user, index) => newChangers(options, targets, user, chats, index)),
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

function senderFactory({ load, ports, journal, random }: CrowdOptions, targets: Targets) {
  const { contentLength } = load;
  return (user: User, chats: readonly Chat[], index: number, pauseMs: number) => {
    const isRaw = index % 2 === 0;
    const own = random.fork();
    let sent = 0;
    return new Requester({
      path: isRaw ? new RawPath(user) : graphqlPath(user),
      ports,
      pauseMs,
      random: own,
      next: () => {
        sent += 1;
        // A raw channel is for one chat.
        const chat = isRaw ? at(chats, index >> 1) : own.pick(chats);
        const client = user.name;
        return sending(journal, targets, user, { client, chat, nonce: `${client}-${sent}`, contentLength });
      },
    });
  };
}

/** Two clients of one user, one for each edge, which change the same messages. */
function newChangers(
  { world, ports, journal, random }: CrowdOptions,
  targets: Targets,
  user: User,
  chats: readonly Chat[],
  index: number,
): Requester[] {
  return EDGES.map((edge) => {
    const own = random.fork();
    return new Requester({
      path: edge === 'raw' ? new RawPath(user) : graphqlPath(user),
      ports,
      pauseMs: CHANGER_PAUSE_MS,
      random: own,
      next: changer({
        client: `${user.name}-${edge}`,
        edge,
        user,
        isModerator: world.moderators.includes(user),
        chats: edge === 'raw' ? [at(chats, index)] : chats,
        members: world.senders,
        kinds: CHANGE_KINDS,
        targets,
        journal,
        random: own,
      }),
    });
  });
}

function listenerFactory({ ports, journal, random }: CrowdOptions) {
  let connections = 0;
  const nextConnection = () => {
    connections += 1;
    return connections;
  };
  return (name: string, user: User, chat: Chat, index: number, more: { proxy?: TcpProxy } = {}) => {
    const edge = at(STREAM_EDGES, index);
    // Every other one takes its cursor from transport to transport.
    const others = index % 2 === 1 ? [at(STREAM_EDGES, index + 1), at(STREAM_EDGES, index + 2)] : [];
    // One in four starts without a cursor, and keeps the one it is sent.
    const after = edge !== 'graphql' && index % 4 === 2 ? null : chat.beginning;
    const service = (index >> 1) % ports.length;
    return new Listener({
      name,
      user,
      chat,
      edges: [edge, ...others],
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

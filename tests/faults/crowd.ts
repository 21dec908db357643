import { CHANGE_KINDS } from './clients/change-kinds.js';
import { changer } from './clients/changer.js';
import { InboxListener } from './clients/inbox-listener.js';
import { Listener } from './clients/listener.js';
import { type ChangeByHand, MembershipChanges, type MembershipChangesOptions } from './clients/membership-changes.js';
import { graphqlPath, RawPath } from './clients/request-paths.js';
import { Requester } from './clients/requester.js';
import { sending } from './clients/sends.js';
import { Targets } from './clients/targets.js';
import type { Edge, StreamEdge } from './entries.js';
import type { Journal } from './journal.js';
import type { Random } from './random.js';
import { DISTURBABLE_INBOXES, DISTURBABLE_LISTENERS, type Load } from './scenarios.js';
import { TcpProxy } from './tcp-proxy.js';
import type { Chat, User, World } from './world.js';

export interface CrowdOptions {
  world: World;
  load: Load;
  /** The services' ports. */
  ports: readonly number[];
  journal: Journal;
  random: Random;
  changeByHand: ChangeByHand;
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
  inboxes: InboxListeners;
  membershipChanges: MembershipChanges[];
}

/** Those who listen to all of their chats, of whom most are removed and added again. */
interface InboxListeners {
  steady: InboxListener[];
  /** Each connected through a proxy. The first is a permanent member of every chat. */
  disturbable: InboxListener[];
  /** Started in the middle of the round. */
  latecomers: InboxListener[];
}

const EDGES: readonly Edge[] = ['raw', 'graphql'];
const STREAM_EDGES: readonly StreamEdge[] = ['raw', 'graphql', 'sse'];
const LATECOMERS = 4;
const QUIET_PAUSE_MS = 800;
/** Between the changes of membership of guests, on average. */
const GUESTS_PAUSE_MS = 250;
/** Between the messages to one of the chats of those who have many, on average. */
const OWNERS_PAUSE_MS = 80;
/** Those who have many chats are removed and added again at once, more often than by chance, and some of them by hand. */
const OWNERS_CHANGES = { pauseMs: 80, again: 0.4, byHand: 0.3 };
/** How long a client of an inbox stays at most, and waits before it comes back, by the number of users: as often as fewer, somebody comes. */
const STAY_MS_PER_USER = 150;
const RETURN_MS_PER_USER = 15;
/** Of missed changes, what a client of an inbox wants to be sent: every third one asks for less than all at times. */
const ALL_MISSED = [5000];
const SOME_MISSED = [0, 3, 40, 500];
/** Between a changer's changes, on average. */
const CHANGER_PAUSE_MS = 150;

/**
 * Makes the clients of a round: senders and changers half over GraphQL and half over the raw channel, listeners a third each over these
 * and event streams. Nobody is connected yet.
 */
export async function gatherCrowd(options: CrowdOptions): Promise<Crowd> {
  const { world, load, ports, journal, random, changeByHand } = options;
  const chats = world.chats.slice(0, load.chats);
  const connections = new Connections();
  const newListener = listenerFactory(options, connections);
  const proxies = await Promise.all(Array.from({ length: DISTURBABLE_LISTENERS }, () => TcpProxy.listen({ port: 0 })));
  const guests = world.guests.map((user, index) => ({ user, chat: at(chats, index) }));
  const targets = new Targets(random.fork());
  const newSender = senderFactory(options, targets);
  const newMembershipChanges = (
    chosen: Pick<MembershipChangesOptions, 'guests' | 'pauseMs' | 'again' | 'byHand' | 'returns'>,
  ): MembershipChanges =>
    new MembershipChanges({ admin: world.admin, ports, journal, random: random.fork(), changeByHand, ...chosen });

  return {
    senders: [
      ...world.senders.map((user, index) => newSender(user, chats, index, load.pauseMs)),
      ...guests.slice(0, 2).map(({ user, chat }, index) => newSender(user, [chat], index, load.pauseMs)),
      newSender(world.quietSender, [world.quietChat], 0, QUIET_PAUSE_MS),
      ...(load.inboxes ? world.inboxes.senders.map((user) => newInboxSender(options, targets, user)) : []),
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
    inboxes: await gatherInboxes(options, connections),
    membershipChanges: [
      newMembershipChanges({ guests, pauseMs: GUESTS_PAUSE_MS, again: 0, byHand: 0, returns: true }),
      ...(load.inboxes
        ? [newMembershipChanges({ guests: pairsOf(world.inboxes), ...OWNERS_CHANGES, returns: false })]
        : []),
    ],
  };
}

/** Counts the connections of all listeners. */
class Connections {
  private count = 0;

  readonly next = (): number => {
    this.count += 1;
    return this.count;
  };
}

/** Each user in each chat. */
function pairsOf({ users, chats }: World['inboxes']): { user: User; chat: Chat }[] {
  return users.flatMap((user) => chats.map((chat) => ({ user, chat })));
}

/** In every scenario the inboxes of some guests and of a member who stays; where the load says so, also those of the users with many chats. */
async function gatherInboxes(
  { world, load, ports, journal, random }: CrowdOptions,
  connections: Connections,
): Promise<InboxListeners> {
  const proxies = await Promise.all(Array.from({ length: DISTURBABLE_INBOXES }, () => TcpProxy.listen({ port: 0 })));
  const users = world.inboxes.users.length;
  let made = 0;
  const newInbox = (kind: string, user: User, more: { proxy?: TcpProxy; isFromNow?: boolean } = {}) => {
    const index = made;
    made += 1;
    return new InboxListener({
      name: `inbox-${kind}-of-${user.name}`,
      user,
      ports,
      service: index % ports.length,
      isFromNow: false,
      maxMissed: index % 3 === 2 ? SOME_MISSED : ALL_MISSED,
      longestStayMs: load.inboxes ? STAY_MS_PER_USER * users : Number.POSITIVE_INFINITY,
      ...(load.inboxes && { returnMs: RETURN_MS_PER_USER * users }),
      journal,
      random: random.fork(),
      nextConnection: connections.next,
      ...more,
    });
  };
  const [first, second, ...others] = load.inboxes ? world.inboxes.users : world.guests;
  if (!first || !second) throw new Error('There are no users.');
  const disturbed = [at(world.listeners, 0), first, second];
  return {
    disturbable: proxies.map((proxy, index) => newInbox('disturbable', at(disturbed, index), { proxy })),
    steady: (load.inboxes ? others.slice(1) : others.slice(0, 1)).map((user, index) =>
      newInbox('steady', user, { isFromNow: index % 4 === 0 }),
    ),
    latecomers: others.slice(0, 1).map((user) => newInbox('late', user)),
  };
}

/** Sends to one chat of the inboxes after the other. */
function newInboxSender(
  { world, load, ports, journal, random }: CrowdOptions,
  targets: Targets,
  user: User,
): Requester {
  const own = random.fork();
  const client = `${user.name}-inboxes`;
  let sent = 0;
  return new Requester({
    path: graphqlPath(user),
    ports,
    pauseMs: OWNERS_PAUSE_MS,
    random: own,
    next: () => {
      sent += 1;
      const message = { client, chat: own.pick(world.inboxes.chats), nonce: `${client}-${sent}` };
      return sending(journal, targets, user, { ...message, contentLength: load.contentLength });
    },
  });
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

function listenerFactory({ ports, journal, random }: CrowdOptions, connections: Connections) {
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
      nextConnection: connections.next,
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

import net from 'node:net';
import v8 from 'node:v8';
import vm from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { toProfile } from '../../src/domain/profile.js';
import type { Viewer } from '../../src/domain/viewer.js';
import { holderOf } from '../../src/plugins/limits/holder.js';
import { startTeam } from '../support/service.js';
import { viewerOf } from '../support/services.js';
import { testDatabaseSource } from '../support/test-database-source.js';
import { waitUntil } from '../support/wait-until.js';
import { upgradeRequest } from '../support/web-socket-app.js';

/** On servers the whole number; the embedded database, in this very process, would take a minute for it. */
const isEmbedded = testDatabaseSource().kind === 'embedded';
const CYCLES = isEmbedded ? { GraphQL: 1500, raw: 400 } : { GraphQL: 10_000, raw: 1000 };
/** After so many, caches, pools and compiled code are about as large as they get. */
const WARM_UP = 500;
const AT_ONCE = 32;
/** Messages of the chat's history: what an end can come in the middle of. */
const HISTORY = 10;
/** Bytes: 400 for each of ten thousand. One socket that somebody still holds has 20,000. */
const HEAP_TOLERANCE = 4 * 1024 * 1024;
/** Timers of the test runner and of idle database connections come and go. */
const TIMER_TOLERANCE = 15;
/** Twenty seconds on an idle machine. */
const PATIENCE_MS = 600_000;

let team: Awaited<ReturnType<typeof startTeam>>;
let port: number;
let viewer: Viewer;
let authorization: string;
let chatId: string;
let start: string;
let last: string;
/** Redis's, which stay. */
let otherConnections: number;

beforeAll(async () => {
  team = await startTeam(1, { LOG_LEVEL: 'error', LIMIT_EVENT_LOOP_DELAY_MS: '0', LIMIT_REQUESTS_PER_ADDRESS: '0' });
  port = Number(new URL(team.first.origin).port);
  authorization = `Bearer ${await team.signIn('admin')}`;
  const { services, db } = team.first.app;
  viewer = viewerOf(toProfile(await db.prisma.user.findUniqueOrThrow({ where: { username: 'admin' } })));
  const chat = await services.chats.create('general');
  chatId = chat.id;
  for (let index = 0; index < HISTORY; index += 1)
    await services.messages.send(viewer, { chatId, content: `message ${index}` });
  start = `${chat.epoch}:0`;
  last = `${chat.epoch}:${HISTORY - 1}`;
  otherConnections = countResources('TCPSocketWrap') - db.pool.totalCount;
});
afterAll(() => team.close());

/** What a client does from its socket's opening to the end. */
type Life = (socket: WebSocket) => Promise<void> | void;

const send = (socket: WebSocket, message: object) => socket.send(JSON.stringify(message));
const init = (socket: WebSocket) => send(socket, { type: 'connection_init', payload: { authorization } });
const subscribe = (socket: WebSocket, after: string) =>
  send(socket, {
    id: 'a',
    type: 'subscribe',
    payload: {
      query: 'subscription ($chatId: ID!, $after: String) { chatEvents(chatId: $chatId, after: $after) { seq } }',
      variables: { chatId, after },
    },
  });

/** The frames that a socket has got. The first may come with the answer to the upgrade, before anybody waits for them. */
const framesOf = new WeakMap<WebSocket, string[]>();

function connect(url: string, subprotocol: string): WebSocket {
  const socket = new WebSocket(url, subprotocol, { headers: { authorization } });
  const frames: string[] = [];
  framesOf.set(socket, frames);
  socket.on('message', (data) => frames.push(String(data)));
  return socket;
}

/** Resolves when a frame that holds `text` has come. */
function heard(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (!framesOf.get(socket)?.some((frame) => frame.includes(text))) return;
      socket.off('message', look);
      socket.off('close', fail);
      resolve();
    };
    const fail = (code: number) => reject(new Error(`The socket was closed with ${code} before ${text} came.`));
    socket.on('message', look);
    socket.once('close', fail);
    look();
  });
}

async function acknowledged(socket: WebSocket): Promise<void> {
  init(socket);
  await heard(socket, 'connection_ack');
}

const GRAPHQL_LIVES: Record<string, Life> = {
  'dropped before a word': (socket) => socket.terminate(),
  'dropped before the acknowledgement': (socket) => {
    init(socket);
    // Not before the frame has left.
    socket.ping(undefined, undefined, () => socket.terminate());
  },
  'dropped while the subscription is set up': async (socket) => {
    await acknowledged(socket);
    subscribe(socket, last);
    socket.ping(undefined, undefined, () => socket.terminate());
  },
  'dropped in the middle of history': async (socket) => {
    await acknowledged(socket);
    subscribe(socket, start);
    await heard(socket, '"seq":1}');
    socket.terminate();
  },
  'dropped while it listens': async (socket) => {
    await acknowledged(socket);
    subscribe(socket, last);
    await heard(socket, '"next"');
    socket.terminate();
  },
  'completed and closed': async (socket) => {
    await acknowledged(socket);
    subscribe(socket, last);
    await heard(socket, '"next"');
    send(socket, { id: 'a', type: 'complete' });
    socket.close(1000);
  },
  'closed with a subscription': async (socket) => {
    await acknowledged(socket);
    subscribe(socket, start);
    await heard(socket, '"next"');
    socket.close(1000);
  },
};

const RAW_LIVES: Record<string, Life> = {
  'dropped before hello': (socket) => socket.terminate(),
  'dropped in the middle of history': async (socket) => {
    await heard(socket, '"seq":1,');
    socket.terminate();
  },
  'dropped while it listens': async (socket) => {
    await heard(socket, '"live"');
    socket.terminate();
  },
  closed: async (socket) => {
    await heard(socket, '"live"');
    socket.close(1000);
  },
};

const ENDPOINTS = {
  GraphQL: { path: () => '/graphql/', subprotocol: 'graphql-transport-ws', lives: GRAPHQL_LIVES },
  raw: { path: () => `/ws/chat/general/?after=${start}`, subprotocol: 'chat.v1', lives: RAW_LIVES },
};
type Endpoint = (typeof ENDPOINTS)['raw'];

async function live({ path, subprotocol }: Endpoint, life: Life): Promise<void> {
  const socket = connect(`${team.first.wsOrigin}${path()}`, subprotocol);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  await life(socket);
  await closed;
}

/** A client that has gone when its upgrade is answered. */
function leaveDuringUpgrade({ path, subprotocol }: Endpoint): Promise<void> {
  return new Promise((resolve) => {
    const connection = net.connect(port, '127.0.0.1');
    connection.on('error', () => {});
    connection.once('close', () => resolve());
    const request = upgradeRequest(path(), { Authorization: authorization, 'Sec-WebSocket-Protocol': subprotocol });
    connection.write(request, () => connection.resetAndDestroy());
  });
}

type Kind = () => Promise<void>;

function kindsOf(endpoint: Endpoint): Kind[] {
  const lives = Object.values(endpoint.lives).map((life) => () => live(endpoint, life));
  return [...lives, () => leaveDuringUpgrade(endpoint)];
}

/** An event stream whose client goes when it has got this text. */
function streamUntil(text: string, leave: (connection: net.Socket) => void): Promise<void> {
  return new Promise((resolve) => {
    const connection = net.connect(port, '127.0.0.1');
    let got = '';
    connection.on('error', () => {});
    connection.once('close', () => resolve());
    connection.on('data', (data) => {
      got += data;
      if (got.includes(text)) leave(connection);
    });
    const path = `/sse/chat/general/?after=${start}`;
    connection.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n\r\n`, () => {
      if (text === '') leave(connection);
    });
  });
}

const STREAM_KINDS: Kind[] = [
  () => streamUntil('', (connection) => connection.resetAndDestroy()),
  () => streamUntil('HTTP/1.1 200', (connection) => connection.resetAndDestroy()),
  () => streamUntil('"seq":1,', (connection) => connection.resetAndDestroy()),
  () => streamUntil('"live"', (connection) => connection.resetAndDestroy()),
  () => streamUntil('"live"', (connection) => connection.end()),
  () => streamUntil('"live"', (connection) => connection.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')),
];

/** So many lives, of each kind as many, some of them at once. */
async function churn(kinds: readonly Kind[], count: number): Promise<void> {
  let begun = 0;
  const next = async () => {
    while (begun < count) await kinds[begun++ % kinds.length]?.();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  await waitUntil('the end of every socket', 10_000, () => Object.values(open()).every((size) => size <= 0));
}

const countResources = (name: string) => process.getActiveResourcesInfo().filter((each) => each === name).length;

/** What is open for sockets: nothing, when there is none. */
function open() {
  const { websocketServer, services, userSockets, db } = team.first.app;
  return {
    sockets: websocketServer.clients.size,
    sessions: services.sessions.size,
    streams: services.chatStreams.size,
    chats: services.chatStreams.openChats,
    placesOfUser: userSockets.of(holderOf(viewer)) ? 1 : 0,
    connections: countResources('TCPSocketWrap') - db.pool.totalCount - otherConnections,
  };
}

/** Listeners on what outlives the sockets. */
function held() {
  const { app } = team.first;
  const emitters = { server: app.server, webSockets: app.websocketServer, pool: app.db.pool, process };
  return Object.fromEntries(
    Object.entries(emitters).map(([name, emitter]) => [
      name,
      emitter.eventNames().reduce((sum, event) => sum + emitter.listenerCount(event), 0),
    ]),
  );
}

v8.setFlagsFromString('--expose_gc');
const collectGarbage: () => void = vm.runInNewContext('gc');

/** Bytes in use when the garbage is gone, what finalizers let go of included. */
async function heapUsed(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    collectGarbage();
    await new Promise(setImmediate);
  }
  return process.memoryUsage().heapUsed;
}

const ALL: [name: string, kinds: Kind[], cycles: number][] = [
  ['GraphQL sockets', kindsOf(ENDPOINTS.GraphQL), CYCLES.GraphQL],
  ['raw sockets', kindsOf(ENDPOINTS.raw), CYCLES.raw],
  ['event streams', STREAM_KINDS, CYCLES.raw],
];

describe.each(ALL)('%s', (_name, kinds, cycles) => {
  it(`leave nothing behind, ${cycles} of them that come and go`, { timeout: PATIENCE_MS }, async () => {
    await churn(kinds, WARM_UP);
    const [before, timers, heap] = [held(), countResources('Timeout'), await heapUsed()];
    await churn(kinds, cycles);
    // Fewer where what an earlier file left behind in this process has ended meanwhile.
    const grown = Object.entries(held()).filter(([name, listeners]) => listeners > (before[name] ?? 0));
    expect(grown).toEqual([]);
    expect(countResources('Timeout')).toBeLessThan(timers + TIMER_TOLERANCE);
    expect((await heapUsed()) - heap).toBeLessThan(HEAP_TOLERANCE);
  });
});

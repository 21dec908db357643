import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { readEnvironment } from '../store/environment.js';
import { Messages, type Room } from '../store/messages.js';
import { openPool } from '../store/pool.js';
import { Tokens, type User } from '../store/tokens.js';
import { UnnumberedMessages } from '../store/unnumbered-messages.js';
import { ackOnWire, createdOnWire } from '../store/wire.js';
import { Relay } from './relay.js';

/**
 * What a good engineer writes by hand in a few days: ws, node-redis, pg. A token cache, one prepared statement for a send,
 * publish, relay. No GraphQL, no history with the stream, no order across connections, no limits. In its other form messages have
 * no numbers, and so not even those of one chat wait for each other.
 */
const { port, databaseUrl, redisUrl } = readEnvironment();
const pool = openPool(databaseUrl);
const [tokens, messages] = [new Tokens(pool), new Messages(pool)];
const sent = process.env.MESSAGES === 'unnumbered' ? await UnnumberedMessages.open(pool) : messages;
const relay = await Relay.connect(redisUrl);
const webSockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 });
const alive = new WeakSet<WebSocket>();

const server = createServer((request, response) => {
  serve(request, response).catch(() => response.writeHead(500).end());
});
server.on('upgrade', (request, socket, head) => {
  admit(request)
    .then((admitted) => {
      if (!admitted) {
        socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
        return;
      }
      webSockets.handleUpgrade(request, socket, head, (webSocket) => void open(webSocket, admitted));
    })
    .catch(() => socket.destroy());
});
server.listen(port, '127.0.0.1');

// https://github.com/websockets/ws#how-to-detect-and-close-broken-connections
setInterval(() => {
  for (const socket of webSockets.clients) {
    if (!alive.delete(socket)) socket.terminate();
    else socket.ping();
  }
}, 30_000);

async function admit(request: IncomingMessage): Promise<{ user: User; room: Room } | undefined> {
  const name = /^\/ws\/chat\/([^/?]+)\/$/.exec(request.url ?? '')?.[1];
  const user = await tokens.findBearer(request.headers.authorization);
  if (!user || name === undefined) return undefined;
  const room = await messages.findRoom(decodeURIComponent(name), user);
  return room && { user, room };
}

async function open(socket: WebSocket, { user, room }: { user: User; room: Room }): Promise<void> {
  alive.add(socket);
  socket.on('pong', () => alive.add(socket));
  socket.on('error', () => socket.terminate());
  socket.on('close', () => relay.leave(room.id, socket));
  socket.on('message', (data) => {
    receive(socket, user, room.id, data.toString()).catch(() => socket.close(1011));
  });
  await relay.join(room.id, socket);
  socket.send(JSON.stringify({ type: 'hello', cursor: `${room.epoch}:${room.seq}` }));
}

async function receive(socket: WebSocket, user: User, chatId: string, frame: string): Promise<void> {
  const { id, content }: { id?: string; content?: unknown } = JSON.parse(frame);
  const message = await send(chatId, user, content);
  socket.send(JSON.stringify(message ? ackOnWire(id, message) : { type: 'error', id, code: 'FORBIDDEN' }));
}

async function send(chatId: string, user: User, content: unknown) {
  if (typeof content !== 'string' || content.length === 0 || content.length > 4000) return undefined;
  const message = await sent.insert(chatId, user, content);
  // The sender need not wait for it.
  if (message) relay.publish(chatId, JSON.stringify(createdOnWire(message))).catch(() => {});
  return message;
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname === '/readyz') return answer(response, 200, {});
  const chatId = /^\/chats\/([0-9a-f-]{36})\/messages$/.exec(url.pathname)?.[1];
  if (chatId === undefined) return answer(response, 404, {});
  const user = await tokens.findBearer(request.headers.authorization);
  if (!user) return answer(response, 401, {});
  if (request.method === 'POST') {
    const { content }: { content?: unknown } = JSON.parse(await bodyOf(request));
    const message = await send(chatId, user, content);
    return message ? answer(response, 200, message) : answer(response, 403, {});
  }
  if (!(await messages.isMember(chatId, user))) return answer(response, 403, {});
  const before = Number(url.searchParams.get('before') ?? 2 ** 31 - 1);
  const last = Math.min(100, Number(url.searchParams.get('last') ?? 50));
  const withSenders = url.searchParams.has('senders');
  const rows = await (withSenders
    ? messages.pageWithSenders(chatId, before, last)
    : messages.page(chatId, before, last));
  return answer(response, 200, rows);
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  const json = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': json.length }).end(json);
}

function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => resolve(Buffer.concat(chunks).toString()));
    request.on('error', reject);
  });
}

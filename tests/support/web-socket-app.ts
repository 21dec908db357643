import { once } from 'node:events';
import net from 'node:net';
import Fastify from 'fastify';
import { type ClientOptions, WebSocket } from 'ws';
import { FlushScheduler } from '../../src/delivery/flush-scheduler.js';
import errors from '../../src/plugins/errors.js';
import { ChatSocket } from '../../src/plugins/websocket/chat-socket.js';
import webSocket, { type WebSocketOptions } from '../../src/plugins/websocket/plugin.js';

/** The sockets alone, with a route that accepts everybody on `/ws/echo` and says back what it hears. */
export async function startWebSocketApp(options: Partial<WebSocketOptions> = {}) {
  const app = Fastify();
  await app.register(errors);
  await app.register(webSocket, { flushScheduler: new FlushScheduler(), corsAllowedOrigins: [], ...options });
  const sockets: ChatSocket[] = [];
  const wake: (() => void)[] = [];
  let admit = async () => {};
  app.route({
    method: 'GET',
    url: '/ws/echo',
    preValidation: () => admit(),
    handler: async () => 'plain',
    wsHandler(socket) {
      if (!(socket instanceof ChatSocket)) throw new Error('Not our class of socket.');
      socket.on('message', (data) => socket.send(data.toString()));
      sockets.push(socket);
      for (const call of wake.splice(0)) call();
    },
  });
  app.route({
    method: 'GET',
    url: '/ws/broken',
    handler: async () => 'plain',
    wsHandler() {
      throw new Error('A fault of ours.');
    },
  });
  app.post('/plain', async (request) => ({ body: request.body }));
  app.get('/plain', async () => 'plain');
  const origin = await app.listen({ port: 0, host: '127.0.0.1' });
  const port = Number(new URL(origin).port);

  const connect = async (path = '/ws/echo', client: ClientOptions = {}) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, client);
    await once(socket, 'open');
    return socket;
  };
  const nextServerSide = async () => {
    for (let socket = sockets.shift(); ; socket = sockets.shift()) {
      if (socket) return socket;
      await new Promise<void>((resolve) => wake.push(resolve));
    }
  };

  return {
    app,
    port,
    connect,
    /** Both ends of a new socket. */
    async pair() {
      const client = await connect();
      return { client, server: await nextServerSide() };
    },
    /** A TCP connection that has upgraded `/ws/echo` by hand and knows no WebSocket. */
    async bare(): Promise<net.Socket> {
      const connection = net.connect(port, '127.0.0.1');
      connection.write(upgradeRequest('/ws/echo'));
      const [head] = await once(connection, 'data');
      if (!String(head).startsWith('HTTP/1.1 101')) throw new Error(`Not upgraded: ${head}`);
      return connection;
    },
    nextServerSide,
    /** Keeps the next upgrades waiting. `arrived` resolves when so many do. */
    hold(count: number) {
      let release = () => {};
      let allArrived = () => {};
      const arrived = new Promise<void>((resolve) => {
        allArrived = resolve;
      });
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      let waiting = 0;
      admit = () => {
        waiting += 1;
        if (waiting === count) allArrived();
        return released;
      };
      return { arrived, release };
    },
    close: () => app.close(),
  };
}

export type WebSocketApp = Awaited<ReturnType<typeof startWebSocketApp>>;

export function upgradeRequest(path: string, headers: Record<string, string> = {}): string {
  const all = {
    Host: 'chat.test',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return [`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}

/** Sends bytes on a connection of their own and returns all that comes until the server ends it. */
export async function exchange(port: number, request: string | Buffer): Promise<string> {
  const connection = net.connect(port, '127.0.0.1');
  connection.on('error', () => {});
  const chunks: Buffer[] = [];
  connection.on('data', (chunk) => chunks.push(chunk));
  connection.write(request);
  await once(connection, 'close');
  return Buffer.concat(chunks).toString('latin1');
}

/** The code and reason that a client's socket is closed with. */
export function closing(client: WebSocket): Promise<{ code: number; reason: string }> {
  return new Promise((resolve) => {
    client.on('error', () => {});
    client.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
}

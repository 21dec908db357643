import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { type ChatClient, type ConnectionStatus, createChatClient } from '../../clients/typescript/src/client.js';
import { codeIn, rowsOf } from '../docs/pages.js';
import { socketTransport, until } from './client-team.js';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const HELLO = { type: 'hello', user: { id: 'u', username: 'ann' }, position: 'i1.a', heartbeatSeconds: 25 };

/** A peer that speaks the raw channel's first frames and then does as it is told: what a service does only when it is ill. */
async function startPeer() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'chat.v1' });
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const opened: { socket: WebSocket; url: string; protocols: string; at: number }[] = [];
  let wake = () => {};
  server.on('connection', (socket, request) => {
    const protocols = request.headers['sec-websocket-protocol'] ?? '';
    opened.push({ socket, url: request.url ?? '', protocols, at: performance.now() });
    socket.send(JSON.stringify(HELLO));
    socket.send(JSON.stringify({ type: 'live', position: `i1.${opened.length}` }));
    wake();
  });
  closers.push(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${port}`,
    opened,
    async connection(count: number) {
      while (opened.length < count)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      const last = opened[count - 1];
      if (!last) throw new Error('There is no such connection.');
      return last;
    },
  };
}

async function connect(random = 0) {
  const peer = await startPeer();
  let tokens = 0;
  const client: ChatClient = createChatClient({
    url: peer.url,
    token: async () => {
      tokens += 1;
      return `token${tokens}`;
    },
    transport: socketTransport(),
    random: () => random,
  });
  closers.push(() => client.close());
  client.connect();
  const first = await peer.connection(1);
  await until(client.status, ({ state }) => state === 'live');
  return { peer, client, first, tokens: () => tokens };
}

/** The next status that is not of a connection that is open or being opened. */
const pausedOrStopped = (client: ChatClient): Promise<ConnectionStatus> =>
  until(client.status, ({ state }) => state === 'waiting' || state === 'stopped');

describe('a close code', () => {
  const documented = rowsOf('docs/raw-channel.md')
    .filter(([code]) => /^\d{4}$/.test(code ?? ''))
    .map(([code, , does = '']) => [Number(code), does.replace(/ \(.*/, '')] as const);

  it('stands in the documentation with what a client does', () => {
    expect(documented.length).toBeGreaterThan(10);
    expect(codeIn('`x`')).toEqual(['x']);
  });

  it.each(documented)('%i: the client %s', async (code, does) => {
    const { peer, client, first, tokens } = await connect();
    const closedAt = performance.now();
    first.socket.close(code, 'because');
    if (does.startsWith('stops')) {
      const status = await pausedOrStopped(client);
      expect(status).toMatchObject({
        state: 'stopped',
        error: { code: code === 4401 ? 'UNAUTHENTICATED' : 'PROTOCOL' },
      });
      return;
    }
    const second = await peer.connection(2);
    expect(second.url).toContain('after=i1.1');
    expect(tokens()).toBe(does.startsWith('refreshes') ? 2 : 1);
    expect(second.protocols).toBe(`chat.v1,bearer.token${tokens()}`);
    const pausedMs = second.at - closedAt;
    if (does.includes('after a pause') || does.startsWith('leaves')) expect(pausedMs).toBeGreaterThan(1900);
    else if (does.startsWith('backs off')) expect(pausedMs).toBeGreaterThan(7900);
    else if (does.startsWith('reconnects at once') || does.startsWith('refreshes')) expect(pausedMs).toBeLessThan(240);
    else expect(pausedMs).toBeGreaterThan(240);
  });
});

it('what is cut comes back after a pause with jitter, twice as long each time', async () => {
  const { peer, client } = await connect(1);
  const waits: number[] = [];
  client.status.subscribe(() => {
    const status = client.status.get();
    if (status.state === 'waiting') waits.push(status.retryAt - Date.now());
  });
  for (let count = 1; count <= 2; count += 1) (await peer.connection(count)).socket.terminate();
  await peer.connection(3);
  // A connection that went live begins anew.
  expect(waits.map((ms) => Math.round(ms / 100))).toEqual([5, 5]);
});

it('a client that waits connects at once when it is told to', async () => {
  const { peer, client, first } = await connect(1);
  first.socket.close(4429);
  await until(client.status, ({ state }) => state === 'waiting');
  client.connect();
  await peer.connection(2);
});

it('what waits for an answer when a frame was too large is told so', async () => {
  const { client, first } = await connect();
  first.socket.on('message', (data) => {
    if (String(data).includes('message.send')) first.socket.close(1009);
  });
  await expect(client.room('c').send('x')).rejects.toMatchObject({ code: 'FRAME_TOO_LARGE' });
});

it('a peer that says nothing any more is left', async () => {
  const { peer, first } = await connect();
  first.socket.send(JSON.stringify({ ...HELLO, heartbeatSeconds: 0.01 }));
  const second = await peer.connection(2);
  expect(second.url).toContain('after=');
}, 30_000);

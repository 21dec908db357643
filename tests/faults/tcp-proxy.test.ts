import { EventEmitter, once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TcpProxy } from './tcp-proxy.js';

/** Sends every byte back, and says so. */
let echo: Server;
let echoes: EventEmitter;
let proxy: TcpProxy;
const clients: Socket[] = [];

beforeEach(async () => {
  echoes = new EventEmitter();
  echo = await echoServer();
  proxy = await TcpProxy.listen({ port: portOf(echo) });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.close();
  echo.close();
});

describe('TcpProxy', () => {
  it('passes bytes on, both ways, whatever their number', async () => {
    const client = await open();
    const sent = Buffer.alloc(5_000_000, 'abcdefghij');
    client.write(sent);
    expect((await read(client, sent.length)).equals(sent)).toBe(true);
  });

  it('cuts connections without a good-bye', async () => {
    const client = await open();
    await roundTrip(client);
    const closed = once(client, 'close');
    proxy.cut();
    await closed;
    expect(proxy.size).toBe(0);
  });

  it('holds back what is stalled and passes it on when it is healed', async () => {
    const client = await open();
    await roundTrip(client);
    let received = 0;
    client.on('data', (bytes) => {
      received += bytes.length;
    });
    proxy.stall('to client');
    const echoed = once(echoes, 'data');
    client.write('held back');
    await echoed;
    // What went past the proxy came back by now; what goes through it would have too.
    await roundTrip(await open(portOf(echo)));
    expect(received).toBe(0);
    proxy.heal();
    expect(String(await read(client, 9))).toBe('held back');
    expect(received).toBe('held back'.length);
  });

  it('makes the sender feel a stall: its buffers fill', async () => {
    const client = await open();
    proxy.stall('to server');
    while (client.write(Buffer.alloc(1024 * 1024)) && client.writableLength < 1) {}
    expect(client.writableLength).toBeGreaterThan(0);
  });

  it('passes no more bytes a second than it is told', async () => {
    proxy.slow(1_000_000);
    const client = await open();
    const startedAt = performance.now();
    client.write(Buffer.alloc(300_000));
    await read(client, 300_000);
    // What comes at once, 64 KiB at most, is paid for afterwards.
    expect(performance.now() - startedAt).toBeGreaterThan(200);
  });

  it('leads new connections to another server, and leaves those that are open where they are', async () => {
    const before = await open();
    await roundTrip(before);
    const silent = createServer((socket) => socket.end('another')).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    proxy.retarget({ port: portOf(silent) });
    expect(String(await read(await open(), 7))).toBe('another');
    await roundTrip(before);
    silent.close();
  });

  it('ends a connection whose server does not listen', async () => {
    echo.close();
    await once(echo, 'close');
    const client = await open();
    await once(client, 'close');
  });
});

async function open(port = proxy.port): Promise<Socket> {
  const client = createConnection(port, '127.0.0.1');
  client.on('error', () => {});
  clients.push(client);
  await once(client, 'connect');
  return client;
}

async function roundTrip(client: Socket): Promise<void> {
  client.write('ping');
  expect(String(await read(client, 4))).toBe('ping');
}

/** Exactly so many bytes. */
async function read(client: Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let received = 0;
  while (received < length) {
    const [chunk]: Buffer[] = await once(client, 'data');
    if (!chunk) break;
    chunks.push(chunk);
    received += chunk.length;
  }
  return Buffer.concat(chunks);
}

async function echoServer(): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => echoes.emit('data', bytes));
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

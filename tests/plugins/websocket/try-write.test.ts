import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, Socket } from 'node:net';
import { PassThrough, type Writable } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { expect, it } from 'vitest';
import { FlushScheduler } from '../../../src/delivery/flush-scheduler.js';
import { Outbox } from '../../../src/plugins/websocket/outbox.js';
import { plainDescriptor, tryWrite } from '../../../src/plugins/websocket/try-write.js';

interface Ends {
  server: Socket;
  client: Socket;
}

/** Both ends of a TCP connection, which lives as long as the test. */
async function withConnection(use: (ends: Ends) => Promise<void>): Promise<void> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'connection');
  const client = connect(portOf(listener), '127.0.0.1').on('error', () => {});
  const [[server]] = await Promise.all([accepted, once(client, 'connect')]);
  try {
    await use({ server, client });
  } finally {
    server.destroy();
    client.destroy();
    listener.close();
  }
}

function portOf(listener: { address(): unknown }): number {
  return Number(Reflect.get(Object(listener.address()), 'port'));
}

function descriptorOf(connection: Writable): number {
  const fd = plainDescriptor(connection);
  if (fd === undefined) throw new Error('The connection has no descriptor.');
  return fd;
}

async function readBytes(client: Socket, count: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let received = 0;
  for await (const chunk of client) {
    chunks.push(chunk);
    received += chunk.length;
    if (received >= count) break;
  }
  return Buffer.concat(chunks);
}

it('writes to a plain connection past its stream', () =>
  withConnection(async ({ server, client }) => {
    expect(tryWrite(server, descriptorOf(server), Buffer.from('at once'))).toBe(7);
    expect(server.bytesWritten).toBe(0);
    expect(String(await readBytes(client, 7))).toBe('at once');
  }));

it('keeps the order with what the stream holds, at a peer that reads slowly', () =>
  withConnection(async ({ server, client }) => {
    const fd = descriptorOf(server);
    const sent = Array.from({ length: 400 }, (_, index) => randomBytes(1 + ((index * 7919) % 65_536)));
    let [whole, partly, notAtAll] = [0, 0, 0];
    for (const [index, bytes] of sent.entries()) {
      const taken = index % 10 === 0 ? 0 : tryWrite(server, fd, bytes);
      if (taken === bytes.length) whole += 1;
      else if (taken > 0) partly += 1;
      else notAtAll += 1;
      if (taken < bytes.length) server.write(bytes.subarray(taken));
    }
    expect(whole).toBeGreaterThan(0);
    expect(partly + notAtAll).toBeGreaterThan(0);
    const expected = Buffer.concat(sent);
    expect((await readBytes(client, expected.length)).equals(expected)).toBe(true);
  }));

it('writes nothing before what the stream still holds', () =>
  withConnection(async ({ server }) => {
    server.cork();
    server.write('first');
    expect(tryWrite(server, descriptorOf(server), Buffer.from('second'))).toBe(0);
  }));

it('writes nothing after the end, and nothing where the descriptor may be another file by now', () =>
  withConnection(async ({ server }) => {
    const fd = descriptorOf(server);
    server.end();
    expect(tryWrite(server, fd, Buffer.from('x'))).toBe(0);
    server.destroy();
    expect(tryWrite(server, fd, Buffer.from('x'))).toBe(0);
    await once(server, 'close');
    // The lowest number that is free: most likely the one of before.
    await withConnection(async ({ client }) => {
      expect(tryWrite(server, fd, Buffer.from('x'))).toBe(0);
      expect(client.bytesRead).toBe(0);
    });
  }));

it('leaves it to the stream to tell that a connection is broken', () =>
  withConnection(async ({ server, client }) => {
    const fd = descriptorOf(server);
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => server.on('error', resolve));
    client.resetAndDestroy();
    expect(tryWrite(server, fd, Buffer.from('x'))).toBe(0);
    server.write('x');
    expect(['EPIPE', 'ECONNRESET']).toContain((await failed).code);
  }));

it('has no descriptor for what is no socket, and none for a socket that encrypts', async () => {
  expect(plainDescriptor(new PassThrough())).toBeUndefined();
  expect(plainDescriptor(new Socket())).toBeUndefined();
  // A key that both know needs no certificate (RFC 4279).
  const options = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const;
  const psk = randomBytes(16);
  const listener = createTlsServer({ ...options, pskCallback: () => psk, pskIdentityHint: 'test' });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'secureConnection');
  const client = connectTls({
    ...options,
    host: '127.0.0.1',
    port: portOf(listener),
    checkServerIdentity: () => undefined,
    pskCallback: () => ({ psk, identity: 'test' }),
  });
  const [server] = await accepted;
  expect(plainDescriptor(server)).toBeUndefined();
  const outbox = new Outbox(server, new FlushScheduler(), () => {});
  outbox.push(Buffer.from('encrypted'));
  expect(String(await readBytes(client, 9))).toBe('encrypted');
  client.destroy();
  server.destroy();
  listener.close();
});

import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startWebSocketApp, type WebSocketApp } from '../../support/web-socket-app.js';

let app: WebSocketApp;

beforeAll(async () => {
  app = await startWebSocketApp({ heartbeatSeconds: 0.1, checkIntervalMs: 10 });
});

afterAll(() => app.close());

it('a peer that answers pings stays', async () => {
  const { client, server } = await app.pair();
  for (let pings = 0; pings < 5; pings += 1) await once(client, 'ping');
  expect(server.isOpen).toBe(true);
  client.terminate();
});

it('a peer that answers nothing is cut off within two periods', async () => {
  const connection = await app.bare();
  const server = await app.nextServerSide();
  const startedAt = performance.now();
  const [code] = await once(server, 'close');
  expect(code).toBe(1006);
  expect(performance.now() - startedAt).toBeLessThan(1000);
  connection.destroy();
});

it('any byte of a peer is a sign of life', async () => {
  const connection = await app.bare();
  const server = await app.nextServerSide();
  // An unmasked-length ping frame, masked with zeros, for every ping it hears.
  for (let pings = 0; pings < 5; pings += 1) {
    await once(connection, 'data');
    connection.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0]));
  }
  expect(server.isOpen).toBe(true);
  connection.destroy();
});

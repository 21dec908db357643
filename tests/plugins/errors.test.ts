import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTeam } from '../support/service.js';
import { exchange, upgradeRequest } from '../support/web-socket-app.js';

let team: Awaited<ReturnType<typeof startTeam>>;
let port: number;

beforeAll(async () => {
  team = await startTeam();
  port = Number(new URL(team.first.origin).port);
});

afterAll(() => team.close());

/** A fault of ours, or of a database that is away. */
const faults = () => team.first.log.filter((line) => /"level":[56]0|could not answer/.test(line));

describe('a path that cannot be percent-decoded', () => {
  it('is answered like every refusal, and not said back', async () => {
    const response = await fetch(`${team.first.origin}/ws/chat/%zz/?token=secret`);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: 'bad_request', message: 'The path is malformed.' });
  });

  it('ends the connection of an upgrade', async () => {
    // Resolves when the service has ended the connection.
    expect(await exchange(port, upgradeRequest('/ws/chat/%zz/'))).toMatch(/^HTTP\/1.1 400 .*"bad_request"/s);
  });
});

describe('a request whose connection is gone before it is looked at', () => {
  it('is no fault of ours', async () => {
    const { server } = team.first.app;
    const end = (request: IncomingMessage) => void request.socket.destroy();
    server.prependListener('request', end);
    server.prependListener('upgrade', end);
    await exchange(port, 'GET /nothing HTTP/1.1\r\nHost: chat.test\r\n\r\n');
    await exchange(port, upgradeRequest('/ws/chat/general/'));
    server.off('request', end);
    server.off('upgrade', end);
    // In the order of the log, what was said of those two comes before this.
    await fetch(`${team.first.origin}/nothing`);
    expect(team.first.log.length).toBeGreaterThan(0);
    expect(faults()).toEqual([]);
  });
});

describe('a client that goes away in the middle of its request', () => {
  it.each([
    ['/oauth/token/', 'application/x-www-form-urlencoded'],
    ['/oauth/token/', 'multipart/form-data; boundary=b'],
    ['/graphql/', 'application/json'],
  ])('is not taken for a database that is away: %s, %s', async (path, type) => {
    const connected = once(team.first.app.server, 'connection');
    const client = net.connect(port, '127.0.0.1');
    const head = `POST ${path} HTTP/1.1\r\nHost: chat.test\r\nContent-Type: ${type}\r\nContent-Length: 100\r\n\r\n`;
    const [socket]: net.Socket[] = await connected;
    const arrived = once(team.first.app.server, 'request');
    client.write(`${head}--b\r\n`);
    await arrived;
    const closed = new Promise((resolve) => socket?.once('close', resolve));
    client.resetAndDestroy();
    await closed;
    await fetch(`${team.first.origin}/nothing`);
    expect(faults()).toEqual([]);
  });
});

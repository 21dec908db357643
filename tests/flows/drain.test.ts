import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTeam } from '../support/service.js';

let team: Awaited<ReturnType<typeof startTeam>>;

beforeAll(async () => {
  team = await startTeam();
});

afterAll(() => team.database.drop());

describe('a process that drains', () => {
  it('answers what runs, closes sockets and streams with 1012, waits for nobody who asked for nothing, and ends within 10 s', async () => {
    const { first: service } = team;
    const admin = await team.signIn('admin');
    const { data } = await service.query(admin, 'mutation { createChat(name: "Ship") { id cursor } }');
    const { id, cursor } = Object(data).createChat;
    const channel = await service.channel(admin, 'Ship');
    const stream = await service.events(admin, 'Ship');
    const subscription = service.subscribe(
      admin,
      'subscription ($id: ID!, $after: String) { chatEvents(chatId: $id, after: $after) { seq } }',
      { id, after: cursor },
    );
    const silent = connect(Number(new URL(service.origin).port), '127.0.0.1');
    silent.on('error', () => {});
    await Promise.all([channel.next('live'), stream.next('live'), once(silent, 'connect')]);
    const send = 'mutation ($id: ID!) { sendMessage(chatId: $id, content: "last words") { seq } }';
    await service.query(admin, send, { id });
    await subscription.until(1);

    // A request whose body is still on its way when the drain begins.
    const body = JSON.stringify({ query: '{ me { username } }' });
    const slow = connect(Number(new URL(service.origin).port), '127.0.0.1');
    slow.write(
      `POST /graphql/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer ${admin}\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
    );
    const received = once(service.app.server, 'request');
    await received;

    const startedAt = performance.now();
    const closing = service.close();
    slow.write(body.slice(5));
    const [answer] = await once(slow, 'data');
    expect(String(answer)).toContain('HTTP/1.1 200');
    expect(await channel.next('closing')).toEqual({ type: 'closing', code: 1012, reason: 'draining' });
    expect((await channel.closed).code).toBe(1012);
    expect(await stream.closed).toEqual({ code: 1012, reason: 'draining' });
    expect(await subscription.ended).toBe(1012);
    await closing;
    expect(performance.now() - startedAt).toBeLessThan(9000);
    await expect(service.query(admin, '{ me { username } }')).rejects.toThrow();
  });
});

import { once } from 'node:events';
import { type Client, type ClientOptions, createClient, type SubscribePayload } from 'graphql-ws';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startToyApp, TOKEN, type ToyApp } from './toy-app.js';

let app: ToyApp;
let client: Client;

beforeEach(async () => {
  app = await startToyApp({ maxOperations: 1000 });
  client = connect({ authorization: `Bearer ${TOKEN}` });
});
afterEach(async () => {
  await client.dispose();
  await app.close();
});

function connect(connectionParams: Record<string, unknown>, rest: Partial<ClientOptions> = {}): Client {
  return createClient({ url: app.url, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0, ...rest });
}

async function all(payload: SubscribePayload): Promise<unknown[]> {
  const results: unknown[] = [];
  for await (const result of client.iterate(payload)) results.push(result);
  return results;
}

describe('the graphql-ws client', () => {
  it('runs queries, mutations and subscriptions on one socket', async () => {
    const sockets = once(app.app.websocketServer, 'connection');
    const results = await Promise.all([
      all({ query: '{ viewer }' }),
      all({ query: 'mutation ($text: String!) { note(text: $text) }', variables: { text: 'hi' } }),
      all({ query: 'subscription { count(to: 3) }' }),
    ]);
    expect(results).toEqual([
      [{ data: { viewer: 'ann' } }],
      [{ data: { note: 1 } }],
      [{ data: { count: 1 } }, { data: { count: 2 } }, { data: { count: 3 } }],
    ]);
    await sockets;
    expect(app.app.websocketServer.clients.size).toBeLessThanOrEqual(1);
  });

  it('runs 500 subscriptions on one socket, each of which gets each event once', async () => {
    const received = new Map<number, number[]>();
    const opened = new Promise<void>((resolve) => {
      app.toy.levers.on('opened', () => app.toy.openStreams === 500 && resolve());
    });
    const ended = Array.from({ length: 500 }, async (_, index) => {
      const values: number[] = [];
      received.set(index, values);
      for await (const { data } of client.iterate<{ pulls: number }>({
        query: 'subscription { pulls(lever: "all") }',
      })) {
        values.push(data?.pulls ?? Number.NaN);
        if (values.length === 5) break;
      }
    });
    await opened;
    for (let value = 0; value < 5; value += 1) app.toy.pull('all', value);
    await Promise.all(ended);
    expect([...received.values()].every((values) => values.join() === '0,1,2,3,4')).toBe(true);
    // The client closes its socket when nothing is left to listen to.
    while (app.toy.openStreams > 0) await once(app.toy.levers, 'closed');
  });

  it('gets validation errors as errors of the operation and goes on', async () => {
    const failed = all({ query: 'subscription { nothing }' });
    await expect(failed).rejects.toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]);
    expect(await all({ query: '{ viewer }' })).toEqual([{ data: { viewer: 'ann' } }]);
  });

  it('takes 4401 as final', async () => {
    let attempts = 0;
    const on = { connecting: () => (attempts += 1) };
    const stranger = connect({ authorization: 'Bearer unknown' }, { retryAttempts: 5, retryWait: async () => {}, on });
    const failed = new Promise((resolve) => {
      stranger.subscribe({ query: '{ viewer }' }, { next: () => {}, complete: () => {}, error: resolve });
    });
    expect(await failed).toMatchObject({ code: 4401 });
    expect(attempts).toBe(1);
  });

  it('comes back after 4403 with a new token', async () => {
    let token = TOKEN;
    const returning = createClient({
      url: app.url,
      webSocketImpl: WebSocket,
      connectionParams: () => ({ authorization: `Bearer ${token}` }),
      retryWait: async () => {},
    });
    const viewer = app.tokens.get(TOKEN);
    if (!viewer) throw new Error('There is no token.');
    app.tokens.set('next', { ...viewer, familyId: 'next' });
    const first = once(app.toy.levers, 'opened');
    const events = returning.iterate<{ pulls: number }>({ query: 'subscription { pulls(lever: "x") }' });
    const next = events.next();
    await first;
    token = 'next';
    const again = once(app.toy.levers, 'opened');
    await app.sessions.announceRevoked([viewer.familyId]);
    await again;
    app.toy.pull('x', 5);
    expect((await next).value).toEqual({ data: { pulls: 5 } });
    await returning.dispose();
  });

  it('is told by 1012 that the process drains', async () => {
    const opened = once(app.toy.levers, 'opened');
    const ended = all({ query: 'subscription { pulls(lever: "x") }' });
    ended.catch(() => {});
    await opened;
    await app.app.close();
    await expect(ended).rejects.toMatchObject({ code: 1012 });
    expect(app.toy.openStreams).toBe(0);
  });
});

import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startToyApp, type ToyApp } from './toy-app.js';

const TIMES = 500;
const SUBSCRIPTION = 'subscription { pulls(lever: "never") }';

let app: ToyApp;

beforeAll(async () => {
  app = await startToyApp();
});
afterAll(() => app.close());

/** Everything that could pile up: by process, by server, by what the resolvers opened. */
function held() {
  const { levers, openStreams } = app.toy;
  return {
    connections: process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length,
    sockets: app.app.websocketServer.clients.size,
    listeners: [app.app.server, app.app.websocketServer, process]
      .flatMap((emitter) => emitter.eventNames().map((name) => emitter.listenerCount(name)))
      .reduce((sum, count) => sum + count, 0),
    levers: levers.listenerCount('never') + levers.listenerCount('after') + levers.listenerCount('go'),
    sessions: app.sessions.size,
    openStreams,
  };
}

/** Those of the test runner come and go. One for each socket that ended would be hundreds. */
const TIMERS_OF_OTHERS = 5;

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

async function dropped(client: Awaited<ReturnType<ToyApp['connect']>>): Promise<void> {
  const gone = app.allSocketsClosed();
  client.drop();
  await gone;
  await client.closed;
  await setImmediate();
}

it.each<[string, (client: Awaited<ReturnType<ToyApp['connect']>>) => Promise<void>]>([
  [
    'while a subscription runs',
    async (client) => {
      client.subscribe('1', SUBSCRIPTION);
      await once(app.toy.levers, 'opened');
      await dropped(client);
    },
  ],
  [
    'while a subscription is being set up',
    async (client) => {
      client.subscribe('1', 'subscription { late(lever: "go") }');
      await once(app.toy.levers, 'waiting');
      await dropped(client);
      app.toy.pull('go');
      await setImmediate();
    },
  ],
  [
    'while a query runs',
    async (client) => {
      client.subscribe('1', '{ slow(lever: "go") }');
      await once(app.toy.levers, 'waiting');
      await dropped(client);
      app.toy.pull('go');
      await setImmediate();
    },
  ],
  [
    'by a frame that is not of the protocol',
    async (client) => {
      client.send({ type: 'subscribe', id: '1', payload: { query: SUBSCRIPTION } }, '{');
      await client.closed;
      await setImmediate();
    },
  ],
])(`${TIMES} sockets that end %s leave nothing behind`, async (_when, end) => {
  // The first one opens what stays, like the clients' agent.
  await end(await app.connect());
  const before = held();
  for (let round = 0; round < TIMES; round += 1) await end(await app.connect());
  expect(held()).toEqual(before);
  expect(timers()).toBeLessThan(TIMERS_OF_OTHERS);
  expect(before).toMatchObject({ sockets: 0, levers: 0, sessions: 0, openStreams: 0 });
});

it(`${TIMES} sockets that say nothing and go leave no timer behind`, async () => {
  const before = held();
  for (let round = 0; round < TIMES; round += 1) await dropped(await app.open());
  expect(held()).toEqual(before);
  expect(timers()).toBeLessThan(TIMERS_OF_OTHERS);
});

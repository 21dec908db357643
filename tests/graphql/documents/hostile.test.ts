import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { leastCpu } from '../../support/cpu-time.js';
import { fewestStatements } from '../../support/graphql-app.js';
import { type Service, startTeam } from '../../support/service.js';
import {
  DEEP_VARIABLES,
  FIFTY_THOUSAND_FIELDS,
  HOSTILE,
  HOSTILE_BODIES,
  type HostileRequest,
  TOO_LONG,
} from './hostile-documents.js';

/** CPU that a refusal may take, of the whole process and with the client's part, in milliseconds. */
const LIMIT_MS = 20;
/** What is refused for its length says nothing of the rest. */
const LENGTH = 'more than 16384 characters';

let team: Awaited<ReturnType<typeof startTeam>>;
let app: Service['app'];
let token: string;
let socket: WebSocket;

beforeAll(async () => {
  // A busy machine is not to be taken for an overloaded service.
  team = await startTeam(1, { LIMIT_EVENT_LOOP_DELAY_MS: '0' }, { services: { probeIntervalMs: 3_600_000 } });
  app = team.first.app;
  token = await team.signIn('admin');
  socket = await open();
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }));
  await once(socket, 'message');
});

afterAll(async () => {
  socket.terminate();
  await team.close();
});

async function open(): Promise<WebSocket> {
  const opened = new WebSocket(`${team.first.wsOrigin}/graphql/`, 'graphql-transport-ws');
  await once(opened, 'open');
  return opened;
}

const post = (payload: string) =>
  app.inject({
    method: 'POST',
    url: '/graphql/',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      authorization: `Bearer ${token}`,
    },
    payload,
  });

async function ask(payload: string): Promise<string> {
  socket.send(`{"id":"a","type":"subscribe","payload":${payload}}`);
  const [data]: Buffer[] = await once(socket, 'message');
  return String(data);
}

let written = 0;

/** A request as JSON, another one each time: no cache of documents knows it. */
function write({ query, variables = '{}' }: Omit<HostileRequest, 'says'>): string {
  written += 1;
  return `{"query":${JSON.stringify(`${query}#${written}`)},"variables":${variables}}`;
}

const requests: [string, HostileRequest][] = [
  ...Object.entries(HOSTILE),
  ...Object.entries(TOO_LONG).map(([name, query]): [string, HostileRequest] => [
    `too long: ${name}`,
    { query, says: LENGTH },
  ]),
];

async function expectRefusal(request: HostileRequest): Promise<void> {
  const statements = await fewestStatements(app, async () => {
    const answer = await post(write(request));
    expect(answer.statusCode).toBe(400);
    expect(answer.json().data).toBeUndefined();
    expect(answer.json().errors[0].message).toContain(request.says);
    expect(answer.body.length).toBeLessThan(16_384);
  });
  // The token's, unless that is remembered.
  expect(statements).toBeLessThanOrEqual(1);
  expect(await leastCpu(LIMIT_MS, () => post(write(request)))).toBeLessThan(LIMIT_MS);
}

describe.each(requests)('%s', (_name, request) => {
  test('is refused over HTTP at once, before it reads anything', () => expectRefusal(request));

  test('is refused over a socket at once, which lives', async () => {
    const answer = JSON.parse(await ask(write(request)));
    expect(answer).toMatchObject({ id: 'a', type: 'error' });
    expect(answer.payload[0].message).toContain(request.says);
    expect(await leastCpu(LIMIT_MS, () => ask(write(request)))).toBeLessThan(LIMIT_MS);
  });
});

test('variables of ten thousand levels are refused at once over HTTP', () => expectRefusal(DEEP_VARIABLES));

test('fifty thousand fields at the top are refused at once over HTTP, for the length of the body', async () => {
  const body = write({ query: FIFTY_THOUSAND_FIELDS });
  expect((await post(body)).statusCode).toBe(413);
  expect(await leastCpu(LIMIT_MS, () => post(body))).toBeLessThan(LIMIT_MS);
});

test.each([
  ['variables of ten thousand levels', DEEP_VARIABLES, 4400],
  ['fifty thousand fields at the top', { query: FIFTY_THOUSAND_FIELDS }, 1009],
])('a frame with %s closes its socket', async (_name, request, code) => {
  const own = await open();
  own.send(`{"id":"a","type":"subscribe","payload":${write(request)}}`);
  expect((await once(own, 'close'))[0]).toBe(code);
});

test.each(Object.entries(HOSTILE_BODIES))('a body is refused at once: %s', async (_name, body) => {
  const { statusCode, body: answer } = await post(body);
  expect(statusCode).toBe(400);
  expect(JSON.parse(answer).data).toBeUndefined();
  expect(answer.length).toBeLessThan(1024);
  expect(await leastCpu(LIMIT_MS, () => post(body))).toBeLessThan(LIMIT_MS);
});

test('there are at least 25 of them, which reach what they attack', () => {
  expect(Object.keys(HOSTILE).length).toBeGreaterThanOrEqual(25);
  for (const { query } of Object.values(HOSTILE)) expect(query.length).toBeLessThan(16_384 - 8);
});

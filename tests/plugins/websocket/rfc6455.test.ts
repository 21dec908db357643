import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrameClient, frame, type ServerFrame } from '../../support/frames.js';
import { startTeam } from '../../support/service.js';
import { CASES, COMPRESSED, COMPRESSION_OFFERS, type Rfc6455Case } from './rfc6455-cases.js';

let team: Awaited<ReturnType<typeof startTeam>>;
let token: string;
const faults: unknown[] = [];
const onFault = (fault: unknown) => faults.push(fault);

beforeAll(async () => {
  process.on('unhandledRejection', onFault);
  team = await startTeam();
  token = await team.signIn('admin');
  await team.first.app.services.chats.create('general');
});

afterAll(async () => {
  await team.close();
  process.off('unhandledRejection', onFault);
});

const ENDPOINTS = {
  'raw channel': { path: '/ws/chat/general/', subprotocol: 'chat.v1' },
  'GraphQL socket': { path: '/graphql/', subprotocol: 'graphql-transport-ws' },
};

function connect({ path, subprotocol }: (typeof ENDPOINTS)['raw channel'], headers: Record<string, string> = {}) {
  return FrameClient.open(Number(new URL(team.first.origin).port), path, {
    Authorization: `Bearer ${token}`,
    'Sec-WebSocket-Protocol': subprotocol,
    ...headers,
  });
}

const isAnswer = ({ opcode, payload }: ServerFrame) => opcode === 1 && payload.includes('"type":"pong"');

describe.each(Object.entries(ENDPOINTS))('%s', (_endpoint, endpoint) => {
  describe.each(Object.entries(CASES))('%s', (_category, cases) => {
    it.each(cases.map((each): [string, Rfc6455Case] => [`${each.name}: ${each.expect}`, each]))(
      '%s',
      async (_name, { bytes, expect: expected }) => {
        const client = await connect(endpoint);
        for (const chunk of [bytes].flat()) client.connection.write(chunk);
        if (expected === 'answered') {
          expect(await client.find(isAnswer)).toBeDefined();
          expect(client.frames.some(({ opcode }) => opcode === 8)).toBe(false);
        } else {
          expect(await client.closeCode()).toBe(expected);
        }
        client.connection.destroy();
      },
    );
  });

  it('a ping comes back as a pong with its payload, in order', async () => {
    const client = await connect(endpoint);
    const payloads = ['', 'a', '\0\u00ff', 'x'.repeat(125)];
    for (const payload of payloads) client.connection.write(frame({ opcode: 9, payload }));
    await client.find(({ opcode, payload }) => opcode === 10 && payload.length === 125);
    const pongs = client.frames.filter(({ opcode }) => opcode === 10).map(({ payload }) => payload.toString());
    expect(pongs).toEqual(payloads);
    client.connection.destroy();
  });

  it.each(COMPRESSION_OFFERS)('refuses compression: %s', async (offer) => {
    const client = await connect(endpoint, { 'Sec-WebSocket-Extensions': offer });
    expect(client.head).toMatch(/^HTTP\/1\.1 101 /);
    expect(client.head).not.toMatch(/extensions/i);
    client.connection.write(COMPRESSED);
    expect(await client.closeCode()).toBe(1002);
    client.connection.destroy();
  });
});

it('there are at least sixty cases, and after them the process lives and has nothing to complain of', async () => {
  expect(Object.values(CASES).flat().length + COMPRESSION_OFFERS.length).toBeGreaterThanOrEqual(60);
  expect(faults).toEqual([]);
  expect(team.first.log.filter((line) => /"level":[56]0/.test(line))).toEqual([]);
  expect((await team.first.query(token, '{ me { username } }')).data).toEqual({ me: { username: 'admin' } });
});

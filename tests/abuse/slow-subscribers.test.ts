import { type Client, createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { AbusedService, CPU_P99_MS, type Member } from './abused-service.js';

const MEBIBYTE = 1024 * 1024;
const LONGEST = '\u{1F600}'.repeat(4000);
const MESSAGES = 400;
const SOCKETS = 4;
const SUBSCRIPTIONS = 100;
const ATTACK_MS = 6000;

let service: AbusedService;
let chat: Awaited<ReturnType<AbusedService['newChat']>>;
let attacker: Member;
let bystander: Member;

beforeAll(async () => {
  service = await AbusedService.start();
  chat = await service.newChat('slow', 2);
  const [one, other] = chat.members;
  if (!one || !other) throw new Error('The chat has no members.');
  [attacker, bystander] = [one, other];
  const send = 'mutation ($chat: ID!, $content: String!) { sendMessage(chatId: $chat, content: $content) { id } }';
  for (let count = 0; count < MESSAGES; count += 1)
    await service.run(attacker.token, send, { chat: chat.id, content: LONGEST });
}, 120_000);

afterAll(async () => {
  await service.close();
});

/** A client whose socket is not read, or not for most of the time. */
function slowClient(readMs: number): { client: Client; end(): void } {
  const opened: WebSocket[] = [];
  class SlowSocket extends WebSocket {
    constructor(url: string, protocols: string | string[]) {
      super(url, protocols);
      opened.push(this);
    }
  }
  const client = createClient({
    url: `${service.wsOrigin}/graphql/`,
    webSocketImpl: SlowSocket,
    connectionParams: { authorization: `Bearer ${attacker.token}` },
    lazy: false,
    retryAttempts: 0,
    onNonLazyError: () => {},
  });
  client.on('connected', () => {
    for (const socket of opened) socket.pause();
  });
  const timer = setInterval(() => {
    for (const socket of opened) if (readMs > 0 && socket.readyState === WebSocket.OPEN) socket.resume();
    setTimeout(() => {
      for (const socket of opened) if (socket.readyState === WebSocket.OPEN) socket.pause();
    }, readMs);
  }, 100);
  return {
    client,
    end() {
      clearInterval(timer);
      for (const socket of opened) socket.terminate();
    },
  };
}

describe.each([
  ['does not read', 0],
  ['reads a little now and then', 5],
])('a user with hundreds of subscriptions to a long history, who %s', (_how, readMs) => {
  it('costs others next to nothing', { timeout: 60_000 }, async () => {
    const slow = Array.from({ length: SOCKETS }, () => slowClient(readMs));
    const query =
      'subscription ($chat: ID!, $after: String) { chatEvents(chatId: $chat, after: $after) { seq ... on MessageCreated { message { content } } } }';
    const { p99, p99Bound, cpuP99, refused, growth } = await service.notice(bystander.token, async () => {
      let seq = 1;
      for (const { client } of slow)
        for (let count = 0; count < SUBSCRIPTIONS; count += 1) {
          seq = (seq % MESSAGES) + 1;
          client.subscribe(
            { query, variables: { chat: chat.id, after: `${chat.epoch}:${seq}` } },
            { next() {}, error() {}, complete() {} },
          );
        }
      await new Promise((resolve) => setTimeout(resolve, ATTACK_MS));
    });
    for (const { end } of slow) end();
    expect(service.isAlive).toBe(true);
    expect(refused).toBe(0);
    expect(growth).toBeLessThan(150 * MEBIBYTE);
    expect(p99).toBeLessThan(p99Bound);
    expect(cpuP99).toBeLessThan(CPU_P99_MS);
  });
});

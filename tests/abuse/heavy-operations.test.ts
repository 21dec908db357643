import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AbusedService, CPU_P99_MS, type Member } from './abused-service.js';

const MEBIBYTE = 1024 * 1024;
const ATTACK_MS = 4000;
/** Requests that the attacker has under way. */
const AT_ONCE = 12;
const LONGEST = '\u{1F600}'.repeat(4000);

let service: AbusedService;
let chat: Awaited<ReturnType<AbusedService['newChat']>>;
let attacker: Member;
let bystander: Member;

beforeAll(async () => {
  service = await AbusedService.start();
  chat = await service.newChat('crowd', 250);
  const [one, other] = chat.members;
  if (!one || !other) throw new Error('The chat has no members.');
  [attacker, bystander] = [one, other];
  const send = 'mutation ($chat: ID!, $content: String!) { sendMessage(chatId: $chat, content: $content) { id } }';
  for (let count = 0; count < 300; count += 1)
    await service.run(attacker.token, send, { chat: chat.id, content: LONGEST });
}, 120_000);

afterAll(async () => {
  await service.close();
});

/** Sends the same document again and again, so many at a time, and returns the answers' statuses. */
async function flood(query: string): Promise<number[]> {
  const statuses: number[] = [];
  const end = performance.now() + ATTACK_MS;
  const json = JSON.stringify({ query });
  const attack = async () => {
    while (performance.now() < end) statuses.push((await service.post(attacker.token, json)).status);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, attack));
  return statuses;
}

const aliases = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');

const ATTACKS: Record<string, () => string> = {
  'lists within lists': () =>
    `{ chat(id: "${chat.id}") { members { chat { members { chat { members { joinedAt } } } } } } }`,
  'the heaviest lists that are let in': () =>
    `{ chat(id: "${chat.id}") { ${aliases(10, (list) => `m${list}: members(first: 250) { ${aliases(5, (index) => `u${index}: user { username }`)} }`)} } }`,
  'pages of the longest messages': () =>
    `{ ${aliases(19, (index) => `e${index}: chatEvents(chatId: "${chat.id}", after: "${chat.epoch}:1", limit: 500) { events { ... on MessageCreated { message { content } } } }`)} }`,
  'one page under many names': () =>
    `{ messages(chatId: "${chat.id}", last: 100) { ${aliases(18, (index) => `c${index}: content`)} } }`,
  'the introspection of the schema': () =>
    '{ __schema { types { name fields { name type { name ofType { name ofType { name } } } args { name type { name } } } } } }',
};

describe.each(Object.entries(ATTACKS))('%s, again and again', (_name, query) => {
  it('cost their sender time and others next to none', { timeout: 30_000 }, async () => {
    let statuses: number[] = [];
    const { p99, p99Bound, cpuP99, refused, growth } = await service.notice(bystander.token, async () => {
      statuses = await flood(query());
    });
    expect(service.isAlive).toBe(true);
    expect(statuses.length).toBeGreaterThan(0);
    expect(refused).toBe(0);
    expect(p99).toBeLessThan(p99Bound);
    expect(cpuP99).toBeLessThan(CPU_P99_MS);
    expect(growth).toBeLessThan(150 * MEBIBYTE);
  });
});

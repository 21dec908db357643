import { afterAll, beforeAll, expect, it } from 'vitest';
import type { StreamClient } from '../support/frame-queue.js';
import { startTeam } from '../support/service.js';

const TRANSPORTS = ['raw', 'sse', 'graphql'] as const;
type Transport = (typeof TRANSPORTS)[number];
/** Messages that are sent while nobody listens, and while somebody does. */
const PER_TURN = 3;

let team: Awaited<ReturnType<typeof startTeam>>;
let token: string;
let chat: { id: string; cursor: string };
let sent = 0;

beforeAll(async () => {
  team = await startTeam(2, {}, { services: { probeIntervalMs: 50 } });
  token = await team.signIn('admin');
  const { data } = await team.first.query(token, 'mutation { createChat(name: "general") { id cursor } }');
  chat = Object(data).createChat;
});
afterAll(() => team.close());

async function send(count: number): Promise<void> {
  const mutation = 'mutation ($id: ID!, $content: String!) { sendMessage(chatId: $id, content: $content) { seq } }';
  for (let index = 0; index < count; index += 1) {
    sent += 1;
    await team.first.query(token, mutation, { id: chat.id, content: `message ${sent}` });
  }
}

interface Heard {
  content: string;
  cursor: string;
}

/** What is heard after a cursor: what was missed, and what is sent then. */
const LISTEN: Record<Transport, (process: number, after: string) => Promise<Heard[]>> = {
  raw: async (process, after) => heardFrom(await serviceOf(process).channel(token, 'general', { after })),
  sse: async (process, after) => heardFrom(await serviceOf(process).events(token, 'general', { after })),
  graphql: async (process, after) => {
    const subscription = serviceOf(process).subscribe(
      token,
      `subscription ($id: ID!, $after: String) {
        chatEvents(chatId: $id, after: $after) { cursor ... on MessageCreated { message { content } } } }`,
      { id: chat.id, after },
    );
    await subscription.until(PER_TURN);
    await send(PER_TURN);
    const events = await subscription.until(2 * PER_TURN);
    subscription.end();
    return events.map((event) => toHeard(Object(event).chatEvents));
  },
};

function serviceOf(process: number) {
  const service = team.services[process];
  if (!service) throw new Error('There is no such process.');
  return service;
}

async function heardFrom(stream: StreamClient): Promise<Heard[]> {
  await stream.next('live');
  const events = stream.frames.filter(({ type }) => type === 'message.created');
  await send(PER_TURN);
  while (events.length < 2 * PER_TURN) events.push(await stream.next('message.created'));
  await stream.close();
  return events.map(toHeard);
}

function toHeard({ cursor, message }: Record<string, unknown>): Heard {
  return { cursor: String(cursor), content: String(Object(message).content) };
}

it('a cursor of any transport resumes on every other one, at every process, without a gap or a repetition', async () => {
  let cursor = chat.cursor;
  const heard: string[] = [];
  // Each transport after each, on the other process.
  const turns = TRANSPORTS.flatMap((from) => TRANSPORTS.flatMap((to) => [from, to]));
  for (const [turn, transport] of turns.entries()) {
    await send(PER_TURN);
    const events = await LISTEN[transport](turn % 2, cursor);
    heard.push(...events.map(({ content }) => content));
    cursor = events.at(-1)?.cursor ?? cursor;
  }
  expect(heard).toEqual(Array.from({ length: sent }, (_, index) => `message ${index + 1}`));
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { range } from '../support/recorder.js';
import { testRedisUrl } from '../support/redis.js';
import { type Service, startTeam } from '../support/service.js';

let team: Awaited<ReturnType<typeof startTeam>>;
let one: Service;
let two: Service;
let admin: string;

beforeAll(async () => {
  team = await startTeam(2);
  const [first, second] = team.services;
  if (!first || !second) throw new Error('Two processes were wanted.');
  [one, two] = [first, second];
  admin = await team.signIn('admin');
});

afterAll(() => team.close());

async function newChat(name: string): Promise<{ id: string; cursor: string }> {
  const { data } = await one.query(admin, 'mutation ($name: String!) { createChat(name: $name) { id cursor } }', {
    name,
  });
  return Object(data).createChat;
}

const send = (service: Service, chatId: string, content: string) =>
  service.query(
    admin,
    'mutation ($chatId: ID!, $content: String!) { sendMessage(chatId: $chatId, content: $content) { seq } }',
    {
      chatId,
      content,
    },
  );

// Without Redis two processes are no team, but the log's probe makes them behave as one all the same, a second later.
// One title on every database and bus: CI looks for each skipped test among those of the other run.
describe('two processes on one database', () => {
  it('bring every message to the listeners of both, in one order', async () => {
    const chat = await newChat('shared');
    const channels = [await one.channel(admin, 'shared'), await two.channel(admin, 'shared')];
    const subscriptions = [one, two].map((service) =>
      service.subscribe(
        admin,
        'subscription ($id: ID!, $after: String) { chatEvents(chatId: $id, after: $after) { seq } }',
        {
          id: chat.id,
          after: chat.cursor,
        },
      ),
    );
    await Promise.all(channels.map((channel) => channel.next('live')));
    await Promise.all(range(1, 40).map((index) => send(index % 2 ? one : two, chat.id, `m${index}`)));
    for (const channel of channels)
      expect((await channel.take(40, 'message.created')).map((frame) => frame.seq)).toEqual(range(1, 40));
    for (const subscription of subscriptions) {
      const events = await subscription.until(40);
      expect(events.map((event) => Object(event).chatEvents.seq)).toEqual(range(1, 40));
      subscription.end();
    }
    for (const channel of channels) await channel.close();
  });

  it('know each other’s cursors: a client that one has left goes on at the other', async () => {
    const chat = await newChat('moving');
    const first = await one.channel(admin, 'moving', { after: chat.cursor });
    for (const index of range(1, 5)) await send(one, chat.id, `m${index}`);
    const seen = await first.take(5, 'message.created');
    await first.close();
    for (const index of range(6, 9)) await send(one, chat.id, `m${index}`);
    const second = await two.channel(admin, 'moving', { after: String(seen[2]?.cursor) });
    expect((await second.take(6, 'message.created')).map((frame) => frame.seq)).toEqual(range(4, 9));
    await second.close();
  });

  it('take the cursors of every transport on every other', async () => {
    const chat = await newChat('changing');
    for (const index of range(1, 12)) await send(one, chat.id, `m${index}`);
    /** From a cursor, the next three changes over each transport, and the cursor after them. */
    const hops: ((after: string) => Promise<{ seqs: unknown[]; cursor: string }>)[] = [
      async (after) => {
        const channel = await one.channel(admin, 'changing', { after });
        const frames = await channel.take(3, 'message.created');
        await channel.close();
        return { seqs: frames.map((frame) => frame.seq), cursor: String(frames.at(-1)?.cursor) };
      },
      async (after) => {
        const subscription = two.subscribe(
          admin,
          'subscription ($id: ID!, $after: String) { chatEvents(chatId: $id, after: $after) { seq cursor } }',
          { id: chat.id, after },
        );
        const events = (await subscription.until(3)).slice(0, 3).map((event) => Object(event).chatEvents);
        subscription.end();
        return { seqs: events.map(({ seq }) => seq), cursor: String(events.at(-1)?.cursor) };
      },
      async (after) => {
        const query =
          'query ($id: ID!, $after: String!) { chatEvents(chatId: $id, after: $after, limit: 3) { events { seq } cursor } }';
        const { data } = await one.query(admin, query, { id: chat.id, after });
        const { events, cursor } = Object(data).chatEvents;
        return { seqs: events.map((event: { seq: number }) => event.seq), cursor };
      },
      async (after) => {
        const channel = await two.channel(admin, 'changing', { after });
        const frames = await channel.take(3, 'message.created');
        await channel.close();
        return { seqs: frames.map((frame) => frame.seq), cursor: String(frames.at(-1)?.cursor) };
      },
    ];
    let { cursor } = chat;
    const seen: unknown[] = [];
    for (const hop of hops) {
      const heard = await hop(cursor);
      seen.push(...heard.seqs);
      cursor = heard.cursor;
    }
    expect(seen).toEqual(range(1, 12));
  });

  it.runIf(testRedisUrl())('end at both what a revoked token opened', async () => {
    await newChat('ending');
    const token = await team.signIn('admin');
    const channel = await two.channel(token, 'ending');
    const body = new URLSearchParams({ token, ...team.credentials });
    await fetch(`${one.origin}/oauth/revoke_token/`, { method: 'POST', body });
    expect((await channel.closed).code).toBe(4403);
  });
});

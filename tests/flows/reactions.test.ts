import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RawSocket } from '../support/raw-socket.js';
import { type Service, startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';

let team: Awaited<ReturnType<typeof startTeam>>;
let one: Service;
let two: Service;
let chatId: string;
/** Tokens. */
let ann: string;
let bob: string;

beforeAll(async () => {
  team = await startTeam(2);
  const [first, second] = team.services;
  if (!first || !second) throw new Error('Two processes were wanted.');
  [one, two] = [first, second];
  const { users, chats, memberships } = one.app.services;
  chatId = (await chats.create('tea')).id;
  for (const username of ['ann', 'bob']) {
    const { id } = await users.create({ username, password: PASSWORD });
    await memberships.add(null, chatId, id);
  }
  [ann, bob] = [await team.signIn('ann'), await team.signIn('bob')];
});

afterAll(() => team.close());

const SEND = 'mutation ($chatId: ID!) { sendMessage(chatId: $chatId, content: "hi") { id } }';
const CHANGE = (what: string) => `mutation ($chatId: ID!, $messageId: ID!, $emoji: String!) {
  ${what}(chatId: $chatId, messageId: $messageId, emoji: $emoji) { reactions { emoji count mine users { username } } } }`;
const LISTEN = `subscription ($chatId: ID!) { chatEvents(chatId: $chatId) {
  ... on ReactionsChanged { actor { username } message { id reactions { emoji count mine } } } } }`;
const SHARED = `subscription ($chatId: ID!) { chatEvents(chatId: $chatId) {
  ... on ReactionsChanged { message { id reactions { emoji count users(first: 1) { username } } } } } }`;

async function newMessage(): Promise<string> {
  const { data } = await one.query(ann, SEND, { chatId });
  return String(Object(data).sendMessage.id);
}

const change = async (
  service: Service,
  token: string,
  what: 'addReaction' | 'removeReaction',
  messageId: string,
  emoji: string,
) => {
  const { data, codes } = await service.query(token, CHANGE(what), { chatId, messageId, emoji });
  return codes.length > 0 ? codes : Object(data)[what].reactions;
};

/** The next summary of the message. Those of earlier messages may come in between. */
async function nextOf(channel: RawSocket, messageId: string) {
  for (;;) {
    const frame = await channel.next('message.reactions');
    if (frame.messageId === messageId) return frame;
  }
}

describe('reactions', () => {
  it('are in the answer at once, and each caller sees which are theirs', async () => {
    const messageId = await newMessage();
    expect(await change(one, ann, 'addReaction', messageId, '❤')).toEqual([
      { emoji: '❤\ufe0f', count: 1, mine: true, users: [{ username: 'ann' }] },
    ]);
    expect(await change(two, bob, 'addReaction', messageId, '🎉')).toEqual([
      { emoji: '❤\ufe0f', count: 1, mine: false, users: [{ username: 'ann' }] },
      { emoji: '🎉', count: 1, mine: true, users: [{ username: 'bob' }] },
    ]);
    expect(await change(two, ann, 'removeReaction', messageId, '❤\ufe0f')).toEqual([
      { emoji: '🎉', count: 1, mine: false, users: [{ username: 'bob' }] },
    ]);
    expect(await change(two, ann, 'addReaction', messageId, 'x')).toEqual(['BAD_USER_INPUT']);
  });

  it('come to the subscriptions of both processes as one event, with each listener’s own', async () => {
    const listeners = [
      [one, ann],
      [two, ann],
      [two, bob],
    ] as const;
    const streams = listeners.map(([service, token]) => service.subscribe(token, LISTEN, { chatId }));
    const shared = two.subscribe(bob, SHARED, { chatId });
    const channel = await two.channel(bob, 'tea');
    await channel.next('live');
    const messageId = await newMessage();
    // Everybody is subscribed once the message has come.
    await Promise.all([...streams, shared].map((stream) => stream.until(1)));
    await change(one, ann, 'addReaction', messageId, '👍');
    /** The message's event. Those of earlier messages may come before it. */
    const mine = async (stream: (typeof streams)[number]) => {
      for (let count = 1; ; count += 1) {
        const events = (await stream.until(count)).map((event) => Object(event).chatEvents);
        const found = events.find((event) => event.message?.id === messageId);
        if (found) return found;
      }
    };
    const reactions = (isMine: boolean) => ({
      actor: { username: 'ann' },
      message: { id: messageId, reactions: [{ emoji: '👍', count: 1, mine: isMine }] },
    });
    const [here, there, other] = streams;
    if (!here || !there || !other) throw new Error('Three streams were wanted.');
    expect(await mine(here)).toEqual(reactions(true));
    expect(await mine(there)).toEqual(reactions(true));
    expect(await mine(other)).toEqual(reactions(false));
    expect(await mine(shared)).toEqual({
      message: { id: messageId, reactions: [{ emoji: '👍', count: 1, users: [{ username: 'ann' }] }] },
    });
    expect(await nextOf(channel, messageId)).toMatchObject({
      actor: { username: 'ann' },
      reactions: [{ emoji: '👍', count: 1, clipped: false }],
    });
    for (const stream of [...streams, shared]) stream.end();
    await channel.close();
  });

  it('are added and removed on the raw channel', async () => {
    const messageId = await newMessage();
    const channel = await one.channel(bob, 'tea');
    await channel.next('live');
    channel.send({ type: 'reaction.add', id: 'a', messageId, emoji: ':tea:' });
    expect(await channel.next('ack')).toMatchObject({
      id: 'a',
      message: { id: messageId, reactions: [{ emoji: ':tea:', count: 1, clipped: false }] },
    });
    expect(await nextOf(channel, messageId)).toMatchObject({ actor: { username: 'bob' } });
    channel.send({ type: 'reaction.remove', id: 'r', messageId, emoji: ':tea:' });
    const ack = await channel.next('ack');
    expect(ack).toMatchObject({ id: 'r', message: { id: messageId } });
    expect(Object(ack.message)).not.toHaveProperty('reactions');
    expect(await nextOf(channel, messageId)).toMatchObject({ reactions: [] });
    channel.send({ type: 'reaction.add', id: 'b', emoji: ':tea:' });
    expect(await channel.next('error')).toMatchObject({ id: 'b', code: 'BAD_USER_INPUT', field: 'messageId' });
    channel.send({ type: 'reaction.add', id: 'c', messageId: 'none', emoji: ':tea:' });
    expect(await channel.next('error')).toMatchObject({ id: 'c', code: 'NOT_FOUND', field: 'messageId' });
    await channel.close();
  });
});

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StreamClient } from '../support/frame-queue.js';
import { testRedisUrl } from '../support/redis.js';
import { type Service, type Subscription, startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';

type Team = Awaited<ReturnType<typeof startTeam>>;

const EVENTS = 'subscription ($id: ID!, $after: String) { chatEvents(chatId: $id, after: $after) { seq } }';
const VERIFIER = 'v'.repeat(43);

let team: Team;
let one: Service;
let two: Service;
let chat: { id: string; cursor: string };
let count = 0;

/** Without Redis the other process finds out by its re-check, which is quick here and takes 30 s otherwise. */
const RECHECK_MS = 300;
/** How long the end may take: a second. */
const BOUND_MS = 1000 + (testRedisUrl() ? 0 : 2 * RECHECK_MS);

beforeAll(async () => {
  // With Redis the re-check is left as it is, so that what is seen is the notice.
  team = await startTeam(2, {}, testRedisUrl() ? {} : { services: { recheckIntervalMs: RECHECK_MS } });
  const [first, second] = team.services;
  if (!first || !second) throw new Error('Two processes were wanted.');
  [one, two] = [first, second];
  const created = await one.app.services.chats.create('all');
  chat = { id: created.id, cursor: `${created.epoch}:0` };
});
afterAll(() => team.close());

/** A member of the chat with two sign-ins, and one client of their own. */
async function newMember() {
  count += 1;
  const username = `member${count}`;
  const user = await one.app.services.users.create({ username, password: PASSWORD });
  await one.app.services.memberships.add(null, chat.id, user.id);
  const { client, secret } = await one.app.services.clients.create({
    name: username,
    grants: ['password', 'refresh_token', 'authorization_code'],
    redirectUris: ['https://app.example/'],
  });
  const credentials = { client_id: client.id, client_secret: secret ?? '' };
  const signIn = async (form: Record<string, string> = { username, password: PASSWORD }) => {
    const { body } = await one.token({ ...form, ...credentials });
    return { access: String(body.access_token), refresh: String(body.refresh_token) };
  };
  return { user, username, credentials, signIn, tokens: await signIn() };
}
type Member = Awaited<ReturnType<typeof newMember>>;

interface Opened {
  /** Raw channels and event streams. */
  streams: StreamClient[];
  subscriptions: Subscription[];
}

/** Every kind of connection on both processes, each in the middle of listening. */
async function open(token: string): Promise<Opened> {
  const streams: StreamClient[] = await Promise.all(
    [one, two].flatMap((service) => [service.channel(token, 'all'), service.events(token, 'all')]),
  );
  await Promise.all(streams.map((stream) => stream.next('live')));
  const subscriptions = [one, two].map((service) =>
    service.subscribe(token, EVENTS, { id: chat.id, after: chat.cursor }),
  );
  await Promise.all(subscriptions.map((subscription) => subscription.until(1)));
  return { streams, subscriptions };
}

async function expectEnded({ streams, subscriptions }: Opened, since: number) {
  for (const socket of streams) {
    expect((await socket.closed).code).toBe(4403);
    expect(socket.frames.at(-1)).toEqual({ type: 'closing', code: 4403, reason: 'token_revoked' });
  }
  expect(await Promise.all(subscriptions.map(({ ended }) => ended))).toEqual([4403, 4403]);
  expect(performance.now() - since).toBeLessThan(BOUND_MS);
}

/** All of them still listen: what is sent now reaches each. */
async function expectAlive({ streams, subscriptions }: Opened) {
  const admin = await team.signIn('admin');
  count += 1;
  const content = `still there ${count}`;
  const before = subscriptions.map(({ events }) => events.length);
  await one.query(
    admin,
    'mutation ($id: ID!, $content: String!) { sendMessage(chatId: $id, content: $content) { seq } }',
    {
      id: chat.id,
      content,
    },
  );
  for (const socket of streams) {
    let frame = await socket.next('message.created');
    while (Object(frame.message).content !== content) frame = await socket.next('message.created');
  }
  await Promise.all(subscriptions.map((subscription, index) => subscription.until((before[index] ?? 0) + 1)));
  for (const socket of streams) await socket.close();
  for (const subscription of subscriptions) subscription.end();
}

const post = (path: string, form: Record<string, string>) =>
  fetch(one.origin + path, { method: 'POST', body: new URLSearchParams(form) });

async function codeFor({ user, credentials }: Member): Promise<string> {
  const { browserSessions, tokens } = one.app.services;
  const code = await tokens.createCode({
    browserSession: (await browserSessions.start(user.id, undefined)) ?? '',
    clientId: credentials.client_id,
    redirectUri: null,
    scopes: ['read'],
    codeChallenge: createHash('sha256').update(VERIFIER).digest('base64url'),
  });
  return code ?? '';
}

describe('connections of every kind on two processes', { timeout: 30_000 }, () => {
  const ends: [string, (member: Member) => Promise<unknown>][] = [
    [
      'its access token is revoked',
      ({ tokens, credentials }) => post('/oauth/revoke_token/', { token: tokens.access, ...credentials }),
    ],
    [
      'its refresh token is revoked, which is logout',
      ({ tokens, credentials }) => post('/oauth/revoke_token/', { token: tokens.refresh, ...credentials }),
    ],
    [
      'the user is deactivated',
      async ({ user }) =>
        one.query(await team.signIn('admin'), 'mutation ($id: ID!) { updateUser(id: $id, isActive: false) { id } }', {
          id: user.id,
        }),
    ],
    [
      'an operator sets a new password',
      ({ username }) => one.app.services.users.setPassword(username, 'another password'),
    ],
    ['the client is removed', ({ credentials }) => one.app.services.tokens.removeClient(credentials.client_id)],
    [
      'a used refresh token comes back',
      async ({ tokens, credentials }) => {
        const refresh = (refresh_token: string) =>
          one.token({ grant_type: 'refresh_token', refresh_token, ...credentials });
        const { body } = await refresh(tokens.refresh);
        await refresh(String(body.refresh_token));
        await refresh(tokens.refresh);
      },
    ],
  ];

  it.each(ends)('end when %s', async (_, end) => {
    const member = await newMember();
    const opened = await open(member.tokens.access);
    const since = performance.now();
    await end(member);
    await expectEnded(opened, since);
  });

  it('end when the authorization code of their sign-in comes back', async () => {
    const member = await newMember();
    const form = { grant_type: 'authorization_code', code: await codeFor(member), code_verifier: VERIFIER };
    const opened = await open((await member.signIn(form)).access);
    const since = performance.now();
    await member.signIn(form);
    await expectEnded(opened, since);
  });

  it('end when the user changes the password elsewhere, and stay where it was changed', async () => {
    const member = await newMember();
    const own = await member.signIn();
    const [there, here] = [await open(member.tokens.access), await open(own.access)];
    const since = performance.now();
    const { data } = await one.query(
      own.access,
      'mutation ($old: String!, $new: String!) { changePassword(currentPassword: $old, newPassword: $new) }',
      { old: PASSWORD, new: 'another password' },
    );
    expect(data).toEqual({ changePassword: true });
    await expectEnded(there, since);
    await expectAlive(here);
  });

  it('stay when their refresh token is rotated, and when another sign-in of the user ends', async () => {
    const member = await newMember();
    const opened = await open(member.tokens.access);
    const other = await member.signIn();
    await post('/oauth/revoke_token/', { token: other.access, ...member.credentials });
    const { refresh } = member.tokens;
    const { status } = await one.token({ grant_type: 'refresh_token', refresh_token: refresh, ...member.credentials });
    expect(status).toBe(200);
    await expectAlive(opened);
  });
});

describe('sockets of a client that somebody deleted from the database', () => {
  it('end at the next re-check', async () => {
    const quick = await startTeam(1, {}, { services: { recheckIntervalMs: RECHECK_MS } });
    try {
      const { app } = quick.first;
      await app.services.chats.create('all');
      const channel = await quick.first.channel(await quick.signIn('admin'), 'all');
      await channel.next('live');
      await app.db.pool.query('DELETE FROM oauth_clients');
      expect((await channel.closed).code).toBe(4403);
    } finally {
      await quick.close();
    }
  });
});

describe('sockets of a token that expires', () => {
  it('are warned, may be renewed in place, and end with the last token', { timeout: 30_000 }, async () => {
    const short = await startTeam(1, { OAUTH2_PROVIDER_ACCESS_TOKEN_EXPIRE_SECONDS: '4' });
    try {
      const service = short.first;
      const created = await service.app.services.chats.create('all');
      const token = await short.signIn('admin');
      const channel = await service.channel(token, 'all');
      const warning = await channel.next('token.expiring');
      expect(new Date(String(warning.expiresAt)).getTime()).toBeGreaterThan(Date.now());
      const subscription = service.subscribe(token, EVENTS, { id: created.id, after: `${created.epoch}:0` });
      const next = await short.signIn('admin');
      channel.socket.send(JSON.stringify({ type: 'auth', id: 'a', token: next }));
      expect(await channel.next('ack')).toMatchObject({ id: 'a', expiresAt: expect.any(String) });
      const started = performance.now();
      // Not renewed, this one ends first.
      const ends = [subscription.ended, channel.closed.then(() => 'the channel')];
      expect(await Promise.race(ends)).toBe(4403);
      expect((await channel.closed).code).toBe(4403);
      expect(channel.frames.at(-1)).toEqual({ type: 'closing', code: 4403, reason: 'token_expired' });
      expect(performance.now() - started).toBeLessThan(6000);
    } finally {
      await short.close();
    }
  });
});

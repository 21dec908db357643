import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { viewerOf } from '../../support/services.js';
import { profile, startToyApp, TOKEN, type ToyApp } from './toy-app.js';

let app: ToyApp;

beforeEach(async () => {
  app = await startToyApp();
});
afterEach(() => app.close());

function init(payload?: unknown) {
  return { type: 'connection_init', payload };
}

describe('the token of a socket', () => {
  it.each([
    ['authorization', { authorization: `Bearer ${TOKEN}` }],
    ['Authorization', { Authorization: `Bearer ${TOKEN}` }],
    ['a scheme in other letters', { authorization: `bearer ${TOKEN}` }],
    ['authorization beside other things', { authorization: `Bearer ${TOKEN}`, headers: 'x', __typename: 'y' }],
  ])('comes in the payload of connection_init as %s', async (_name, payload) => {
    const client = await app.open();
    client.send(init(payload));
    expect(await client.next()).toEqual({ type: 'connection_ack' });
    client.subscribe('1', '{ viewer }');
    expect(await client.next()).toMatchObject({ payload: { data: { viewer: 'ann' } } });
  });

  it.each([undefined, null, {}])('or in the header of the upgrade request, with the payload %s', async (payload) => {
    const client = await app.open({ headers: { authorization: `Bearer ${TOKEN}` } });
    client.send(init(payload));
    expect(await client.next()).toEqual({ type: 'connection_ack' });
  });

  it('in the payload goes before that in the header', async () => {
    app.tokens.set('bob', viewerOf(profile('bob')));
    const client = await app.open({ headers: { authorization: `Bearer ${TOKEN}` } });
    client.send(init({ authorization: 'Bearer bob' }));
    await client.next();
    client.subscribe('1', '{ viewer }');
    expect(await client.next()).toMatchObject({ payload: { data: { viewer: 'bob' } } });
  });

  it.each([
    ['no token', {}, undefined],
    ['an unknown token', { authorization: 'Bearer unknown' }, undefined],
    ['no scheme', { authorization: TOKEN }, undefined],
    ['another scheme', { authorization: `Basic ${TOKEN}` }, undefined],
    ['an empty text', { authorization: '' }, `Bearer ${TOKEN}`],
    ['a token that is no text', { authorization: { token: TOKEN } }, undefined],
    ['an unknown token in the header', {}, 'Bearer unknown'],
    [
      'an unknown token in the payload and a good one in the header',
      { authorization: 'Bearer unknown' },
      `Bearer ${TOKEN}`,
    ],
  ])('%s closes with 4401 before any acknowledgement', async (_name, payload, authorization) => {
    const client = await app.open({ headers: authorization ? { authorization } : {} });
    client.send(init(payload));
    await expect(client.next()).rejects.toThrow('closed');
    expect(await client.closed).toEqual({ code: 4401, reason: 'unauthenticated' });
    expect(app.sessions.size).toBe(0);
  });

  it('that cannot be looked up closes with 1013 when the database is away and with 1011 when the fault is ours', async () => {
    for (const [error, code] of [
      [Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 1013],
      [new Error('a fault'), 1011],
    ] as const) {
      app.authenticateWith(async () => {
        throw error;
      });
      const client = await app.open();
      client.send(init({ authorization: `Bearer ${TOKEN}` }));
      expect((await client.closed).code).toBe(code);
    }
  });

  it('that is found after the client has gone opens no session', async () => {
    app.authenticateWith(async (token) => {
      app.toy.pull('asked');
      await once(app.toy.levers, 'found');
      return app.tokens.get(token);
    });
    const client = await app.open();
    client.send(init({ authorization: `Bearer ${TOKEN}` }));
    await once(app.toy.levers, 'asked');
    const gone = app.allSocketsClosed();
    client.drop();
    await gone;
    app.toy.pull('found');
    await setImmediate();
    expect(app.sessions.size).toBe(0);
  });
});

describe('the end of a token', () => {
  it('by revocation closes with 4403 and its streams with it', async () => {
    const client = await app.connect();
    client.subscribe('1', 'subscription { pulls(lever: "a") }');
    await once(app.toy.levers, 'opened');
    await app.sessions.announceRevoked([...app.families.keys()]);
    expect(await client.closed).toEqual({ code: 4403, reason: 'token_revoked' });
    expect(app.toy.openStreams).toBe(0);
    expect(app.sessions.size).toBe(0);
  });

  it('by expiry is told 60 s before in a ping with expiresAt, and closes with 4403', async () => {
    const expiresAt = new Date(Date.now() + 1500);
    app.tokens.set('short', { ...viewerOf(profile('ann')), expiresAt, endsAt: performance.now() + 1500 });
    const client = await app.open();
    client.send(init({ authorization: 'Bearer short' }));
    await client.expect({ type: 'connection_ack' });
    expect(await client.next()).toEqual({ type: 'ping', payload: { expiresAt: expiresAt.toISOString() } });
    client.send({ type: 'pong', payload: { expiresAt: expiresAt.toISOString() } });
    expect(await client.closed).toEqual({ code: 4403, reason: 'token_expired' });
  });
});

describe('reauthenticate', () => {
  const MUTATION = 'mutation ($token: String!) { reauthenticate(token: $token) }';

  it('goes on under the new token of the same user: the old one may end, the new one ends the socket', async () => {
    const renewed = viewerOf(profile('ann'));
    app.tokens.set('renewed', renewed);
    const client = await app.connect();
    client.subscribe('1', MUTATION, { variables: { token: 'renewed' } });
    expect(await client.next()).toMatchObject({ payload: { data: { reauthenticate: true } } });
    await client.next();
    await app.sessions.announceRevoked([app.tokens.get(TOKEN)?.familyId ?? '']);
    expect(await client.until('alive')).toEqual([]);
    await app.sessions.announceRevoked([renewed.familyId]);
    expect((await client.closed).code).toBe(4403);
  });

  it('looks two tokens of one socket up at a time and refuses more, and goes on', async () => {
    const client = await app.connect();
    const lookups: (() => void)[] = [];
    const viewer = app.tokens.get(TOKEN);
    app.authenticateWith(() => new Promise((resolve) => lookups.push(() => resolve(viewer))));
    for (const id of ['1', '2', '3', '4', '5']) client.subscribe(id, MUTATION, { variables: { token: TOKEN } });
    for (const id of ['3', '4', '5']) {
      expect(await client.next()).toMatchObject({
        id,
        payload: { errors: [{ extensions: { code: 'RATE_LIMITED' } }] },
      });
      expect(await client.next()).toEqual({ id, type: 'complete' });
    }
    expect(lookups).toHaveLength(2);
    for (const answer of lookups) answer();
    const answers = [await client.next(), await client.next(), await client.next(), await client.next()];
    for (const id of ['1', '2'])
      expect(answers).toContainEqual({ id, type: 'next', payload: { data: { reauthenticate: true } } });
    app.authenticateWith(async () => viewer);
    client.subscribe('6', MUTATION, { variables: { token: TOKEN } });
    expect(await client.next()).toMatchObject({ id: '6', payload: { data: { reauthenticate: true } } });
  });

  it.each([
    ["another user's", 'bob', 'FORBIDDEN'],
    ['an unknown token', 'unknown', 'UNAUTHENTICATED'],
  ])('with %s is refused and changes nothing', async (_name, token, code) => {
    app.tokens.set('bob', viewerOf(profile('bob')));
    const client = await app.connect();
    client.subscribe('1', MUTATION, { variables: { token } });
    expect(await client.next()).toMatchObject({ payload: { errors: [{ extensions: { code } }] } });
    await client.next();
    client.subscribe('2', '{ viewer }');
    expect(await client.next()).toMatchObject({ payload: { data: { viewer: 'ann' } } });
  });
});

describe('a change of the user', () => {
  it('is told to running subscriptions, and later operations see it', async () => {
    const client = await app.connect();
    client.subscribe('1', 'subscription { viewers }');
    await once(app.toy.levers, 'opened');
    const [familyId] = [...app.families.keys()];
    app.families.set(familyId ?? '', { user: { ...profile('ann'), firstName: 'Anna' } });
    await app.sessions.announceUserChanged('ann');
    expect(await client.next()).toMatchObject({ id: '1', payload: { data: { viewers: 'Anna' } } });
  });
});

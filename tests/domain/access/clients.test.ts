import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_ATTEMPT_LIMITS } from '../../../src/domain/credentials/attempts.js';
import { startOwnServices, startServices } from '../../support/services.js';

describe('Clients', () => {
  let services: Awaited<ReturnType<typeof startOwnServices>>;
  beforeAll(async () => {
    services = await startOwnServices();
  });
  afterAll(() => services.close());

  it('generates an id and a secret of 256 bits, and keeps only a hash', async () => {
    const { client, secret } = await services.clients.create({ name: 'Reporter' });
    expect(client.id).toMatch(/^[0-9a-f]{40}$/);
    expect(secret).toMatch(/^ccs_[\w-]{43}$/);
    const { secretHash } = await services.db.prisma.oAuthClient.findUniqueOrThrow({ where: { id: client.id } });
    expect(secretHash).toMatch(/^sha256:/);
    expect(secretHash).not.toContain(secret);
    expect(await services.clients.authenticate(client.id, secret ?? '')).toEqual(client);
    expect(await services.clients.authenticate(client.id, `${secret}x`)).toBeUndefined();
    expect(await services.clients.authenticate(client.id, undefined)).toBeUndefined();
  });

  it('hashes a chosen secret slowly', async () => {
    const { client, secret } = await services.clients.create({ name: 'Chosen', id: 'chosen', secret: 'my secret' });
    expect(secret).toBe('my secret');
    const { secretHash } = await services.db.prisma.oAuthClient.findUniqueOrThrow({ where: { id: 'chosen' } });
    expect(secretHash).toMatch(/^\$argon2id\$/);
    expect(await services.clients.authenticate('chosen', 'my secret')).toEqual(client);
    expect(await services.clients.authenticate('chosen', 'my secreT')).toBeUndefined();
  });

  it('tries guesses at a chosen secret one by one, from however many networks, and lets a network that is known pass', async () => {
    await services.clients.create({ name: 'Guessed', id: 'guessed', secret: 'my secret' });
    const known = '192.0.2.1';
    expect(await services.clients.authenticate('guessed', 'my secret', known)).toBeDefined();
    const ended: string[] = [];
    const guesses = Array.from({ length: 12 }, (_, index) =>
      services.clients.authenticate('guessed', `guess ${index}`, `203.0.${index}.7`).then((client) => {
        expect(client).toBeUndefined();
        ended.push('guess');
      }),
    );
    const newcomer = services.clients.authenticate('guessed', 'my secret', '198.51.100.7').then((client) => {
      expect(client).toBeDefined();
      ended.push('newcomer');
    });
    for (let count = 0; count < 3; count += 1)
      expect(await services.clients.authenticate('guessed', 'my secret', known)).toBeDefined();
    // Each guess keeps the next one waiting for 200 ms; three right ones of the known network take 17 ms each.
    expect(ended.length).toBeLessThan(6);
    await Promise.all([...guesses, newcomer]);
    expect(ended).toContain('newcomer');
  });

  it('refuses guesses at a chosen secret of which too many wait, of the network with most', async () => {
    await services.clients.create({ name: 'Flooded', id: 'flooded', secret: 'my secret' });
    const attemptLimits = { ...DEFAULT_ATTEMPT_LIMITS, perClient: 3 };
    const process = await startServices(services.database, undefined, { attemptLimits });
    const flood = Array.from({ length: 200 }, (_, index) =>
      process.clients.authenticate('flooded', `guess ${index}`, '203.0.113.9').catch((error) => error.code),
    );
    expect(await process.clients.authenticate('flooded', 'my secret', '198.51.100.9')).toBeDefined();
    const outcomes = await Promise.all(flood);
    expect(outcomes.filter((outcome) => outcome === undefined)).toHaveLength(3);
    expect(new Set(outcomes)).toEqual(new Set([undefined, 'SERVICE_UNAVAILABLE', 'RATE_LIMITED']));
    await process.close();
  });

  it('gives a public client no secret', async () => {
    const { client, secret } = await services.clients.create({ name: 'App', isPublic: true, grants: ['password'] });
    expect(secret).toBeNull();
    expect(client.isPublic).toBe(true);
    expect(await services.clients.authenticate(client.id, undefined)).toEqual(client);
    expect(await services.clients.authenticate(client.id, '')).toBeUndefined();
  });

  it.each([
    ['redirect URIs', { redirectUris: ['https://app.example/cb'] }, ['authorization_code', 'refresh_token']],
    ['none', {}, ['client_credentials']],
  ])('chooses grants by what it is given: %s', async (_what, input, grants) => {
    const { client } = await services.clients.create({ name: 'Defaults', ...input });
    expect(client).toMatchObject({ grants, scopes: ['read', 'write'] });
  });

  it.each([
    ['name', { name: '  ' }],
    ['id', { id: 'é' }],
    ['id', { id: '' }],
    ['secret', { secret: 'nul\0' }],
    ['secret', { secret: '' }],
    ['secret', { secret: 'x', isPublic: true, grants: ['password'] }],
    ['grants', { grants: ['implicit'] }],
    ['grants', { isPublic: true, grants: ['client_credentials'] }],
    ['grants', { isPublic: true }],
    ['scopes', { scopes: ['admin'] }],
    ['redirectUris', { grants: ['authorization_code'] }],
    ['redirectUris', { redirectUris: ['/relative'] }],
    ['redirectUris', { redirectUris: ['https://app.example/#x'] }],
    ['redirectUris', { redirectUris: ['http://app.example/cb'] }],
    ['redirectUris', { redirectUris: ['javascript:alert(1)'] }],
    ['redirectUris', { redirectUris: ['https://user:pw@app.example/'] }],
  ])('refuses a bad %s: %j', async (field, input) => {
    const before = await services.db.prisma.oAuthClient.count();
    const creating = services.clients.create({ name: 'Bad', ...input });
    await expect(creating).rejects.toMatchObject({ code: 'BAD_USER_INPUT', field });
    expect(await services.db.prisma.oAuthClient.count()).toBe(before);
  });

  it.each(['https://app.example/cb?x=1', 'http://127.0.0.1:8080/cb', 'http://[::1]/cb', 'com.example.app:/cb'])(
    'takes the redirect URI %s',
    async (uri) => {
      const { client } = await services.clients.create({ name: 'Good', redirectUris: [uri] });
      expect((await services.clients.find(client.id))?.redirectUris).toEqual([uri]);
    },
  );

  it('refuses a taken id', async () => {
    await services.clients.create({ name: 'First', id: 'taken' });
    await expect(services.clients.create({ name: 'Second', id: 'taken' })).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it.each(['nobody', '', 'nul\0', 'é', 'x'.repeat(101), '\ud800'])('finds nobody by the id %j', async (id) => {
    expect(await services.clients.find(id)).toBeUndefined();
    expect(await services.clients.authenticate(id, 'x')).toBeUndefined();
  });
});

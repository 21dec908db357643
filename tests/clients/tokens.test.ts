import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ChatError } from '../../clients/typescript/src/client.js';
import { deferred } from '../support/deferred.js';
import { type ClientTeam, type Person, startClientTeam, TRANSPORTS, take, until } from './client-team.js';

let team: ClientTeam;
let ann: Person;

beforeAll(async () => {
  // The service says a minute before that a token expires: of such a token, at once.
  team = await startClientTeam({ OAUTH2_PROVIDER_ACCESS_TOKEN_EXPIRE_SECONDS: '5' });
  ann = await team.newPerson('ann');
});
afterEach(() => team.closeClients());
afterAll(() => team.close());

describe.each(TRANSPORTS)('the token over %s', (_name, transport) => {
  it('is renewed before it expires, and nothing is missed', async () => {
    const chat = await team.newChat(ann);
    const fourth = deferred<void>();
    let count = 0;
    const token = async () => {
      count += 1;
      if (count === 4) fourth.resolve();
      return team.signIn(ann.username);
    };
    const client = team.client(ann, { transport: transport(), random: () => 0, token });
    const states: string[] = [];
    client.status.subscribe(() => states.push(client.status.get().state));
    const room = client.room(chat.id);
    await room.ready();
    const heard = take(room.events(), 2);
    await room.send('before');
    await fourth.promise;
    await room.send('after');
    expect((await heard).map((event) => 'seq' in event && event.seq)).toEqual([2, 3]);
    await until(client.status, ({ state }) => state === 'live');
    expect(states).not.toContain('stopped');
    client.close();
  });

  it('is asked for again when it was revoked', async () => {
    const chat = await team.newChat(ann);
    const tokens: string[] = [];
    const token = async () => {
      tokens.push(await team.signIn(ann.username));
      return tokens.at(-1) ?? '';
    };
    const client = team.client(ann, { transport: transport(), random: () => 0, token });
    const room = client.room(chat.id);
    await room.ready();
    await until(client.status, ({ state }) => state === 'live');
    const revoked = tokens.at(-1) ?? '';
    const body = new URLSearchParams({ token: revoked, ...team.credentials });
    await fetch(`${team.first.origin}/oauth/revoke_token/`, { method: 'POST', body });
    await until(client.status, ({ state }) => state === 'live' && tokens.at(-1) !== revoked);
    await room.send('still here');
    client.close();
  });

  it('that cannot be had stops the client, until somebody signs in', async () => {
    const chat = await team.newChat(ann);
    let isSignedIn = false;
    const token = async () => {
      if (!isSignedIn) throw new ChatError('UNAUTHENTICATED', 'Sign in first.');
      return team.signIn(ann.username);
    };
    const client = team.client(ann, { transport: transport(), token });
    const room = client.room(chat.id);
    room.subscribe(() => {});
    await until(client.status, ({ state }) => state === 'stopped');
    expect(client.status.get()).toMatchObject({ error: { code: 'UNAUTHENTICATED' } });
    isSignedIn = true;
    client.connect();
    await until(client.status, ({ state }) => state === 'live');
    await until(room, ({ status }) => status === 'ready');
    client.close();
  });

  it('that the service does not know stops the client', async () => {
    const client = team.client(ann, { transport: transport(), token: async () => 'made-up' });
    client.inbox().subscribe(() => {});
    await until(client.status, ({ state }) => state === 'stopped');
    expect(client.status.get()).toMatchObject({ error: { code: 'UNAUTHENTICATED' } });
    client.close();
  });

  it('with characters that no subprotocol may have goes as a ticket', async () => {
    const chat = await team.newChat(ann);
    const token = await team.signIn(ann.username);
    // As an opaque token of another issuer may be; the service here takes its own alone.
    const fetchAs = (address: string, init: RequestInit) =>
      fetch(address, { ...init, headers: { ...(init.headers as object), authorization: `Bearer ${token}` } });
    const client = team.client(ann, { transport: transport(), token: async () => 'opaque/token==', fetch: fetchAs });
    await client.room(chat.id).send('hi');
    await until(client.status, ({ state }) => state === 'live');
    client.close();
  });
});

it('a token function that fails is called again', async () => {
  const chat = await team.newChat(ann);
  let calls = 0;
  const token = async () => {
    calls += 1;
    if (calls < 3) throw new Error('The backend is away.');
    return team.signIn(ann.username);
  };
  const client = team.client(ann, { token, random: () => 0 });
  const room = client.room(chat.id);
  room.subscribe(() => {});
  expect(await until(client.status, ({ state }) => state === 'waiting')).toMatchObject({
    error: { code: 'TOKEN_UNAVAILABLE', isTransient: true },
  });
  await room.ready();
  await until(client.status, ({ state }) => state === 'live');
});

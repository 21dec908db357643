import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChatClient, createChatClient, memoryStorage } from '../../clients/typescript/src/client.js';
import { PASSWORD } from '../support/services.js';
import { WebBrowser } from '../support/web-browser.js';
import { type ClientTeam, type Person, socketTransport, startClientTeam, until } from './client-team.js';

const REDIRECT_URI = 'https://app.example/callback';

describe('sign-in with a code', () => {
  let team: ClientTeam;
  let ann: Person;
  let clientId: string;
  const clients: ChatClient[] = [];

  beforeAll(async () => {
    team = await startClientTeam();
    ann = await team.newPerson('ann');
    const { client } = await team.first.app.services.clients.create({
      ...{ name: 'Page', isPublic: true, redirectUris: [REDIRECT_URI] },
      grants: ['authorization_code', 'refresh_token'],
    });
    clientId = client.id;
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await team.close();
  });

  function page(storage = memoryStorage()) {
    const client = createChatClient({
      url: team.first.origin,
      oauth: { clientId, redirectUri: REDIRECT_URI, storage },
      transport: socketTransport(),
    });
    clients.push(client);
    if (!client.oauth) throw new Error('A client with the option oauth has it.');
    return { client, oauth: client.oauth };
  }

  /** What the browser is sent to after a person has signed in and pressed the button. */
  async function answerOf(address: string, button = 'allow'): Promise<string> {
    const browser = new WebBrowser([team.first.origin]);
    const signIn = await browser.open(address);
    const consent = await browser.press(signIn, 'sign-in', { username: ann.username, password: PASSWORD });
    return (await browser.press(consent, button)).url.href;
  }

  it('gives a client that works, over a reload too, until it signs out', async () => {
    const chat = await team.newChat(ann);
    const storage = memoryStorage();
    const before = page(storage);
    expect(await before.oauth.isSignedIn()).toBe(false);
    const answer = await answerOf(await before.oauth.signInUrl());
    // The page was left for the sign-in.
    const { client, oauth } = page(storage);
    expect(await oauth.finishSignIn('https://app.example/')).toBe(false);
    expect(await oauth.finishSignIn(answer)).toBe(true);
    await client.room(chat.id).send('I am in');
    await until(client.status, ({ state }) => state === 'live');
    const again = page(storage);
    expect(await again.oauth.isSignedIn()).toBe(true);
    await again.client.room(chat.id).ready();
    await oauth.signOut();
    await until(client.status, ({ state }) => state === 'stopped');
    expect(client.status.get()).toMatchObject({ error: { code: 'UNAUTHENTICATED' } });
    expect(await again.oauth.isSignedIn()).toBe(false);
  });

  it('refreshes a token that is refused, once for all who ask', async () => {
    const { client, oauth } = page();
    await oauth.finishSignIn(await answerOf(await oauth.signInUrl()));
    const first = await oauth.token();
    expect(await oauth.token()).toBe(first);
    const [second, third] = await Promise.all([oauth.token(first), oauth.token(first)]);
    expect(second).not.toBe(first);
    expect(third).toBe(second);
    expect(await client.request('{ me { username } }')).toEqual({ me: { username: ann.username } });
  });

  it('that was refused, or that was not begun here, is no sign-in', async () => {
    const { oauth } = page();
    const denied = await answerOf(await oauth.signInUrl(), 'deny');
    await expect(oauth.finishSignIn(denied)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    const foreign = await answerOf(await oauth.signInUrl());
    await expect(page().oauth.finishSignIn(foreign)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    const mixedUp = foreign.replace(/iss=[^&]+/, 'iss=https%3A%2F%2Felsewhere.example');
    await expect(oauth.finishSignIn(mixedUp)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(await oauth.isSignedIn()).toBe(false);
    await expect(oauth.token()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

import { createHash } from 'node:crypto';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, launchChromium } from '../support/chromium.js';
import { startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';
import { startWebSite, type WebSite } from '../support/web-site.js';

const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const PHONE = { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true };

describe.skipIf(findChromium() === undefined)('The sign-in page in a browser (skipped without a Chromium)', () => {
  let site: WebSite;
  let team: Awaited<ReturnType<typeof startTeam>>;
  let browser: Browser;
  let context: BrowserContext;
  let clientId: string;
  let redirectUri: string;

  beforeAll(async () => {
    site = await startWebSite('<!doctype html><title>The application</title>');
    team = await startTeam(1, { CORS_ALLOWED_ORIGINS: site.loopback });
    redirectUri = `${site.loopback}/back`;
    const { client } = await team.first.app.services.clients.create({
      name: 'Web',
      grants: ['authorization_code', 'refresh_token'],
      redirectUris: [redirectUri],
      isPublic: true,
    });
    clientId = client.id;
    await team.first.app.services.chats.create('general');
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    await team.close();
    await site.close();
  });
  afterEach(() => context.close());

  /** A page of a browser that was sent to sign in, and everything it complained about. */
  async function arrive(options: Parameters<Browser['newContext']>[0] = {}) {
    context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      state: 'af0ifjsldkj',
      code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
      code_challenge_method: 'S256',
    });
    await page.goto(`${team.first.origin}/oauth/authorize/?${query}`);
    return { page, complaints };
  }

  async function signIn(page: Page, password = PASSWORD): Promise<void> {
    await page.getByLabel('Username').fill('admin');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  const answerOf = (page: Page) => Object.fromEntries(new URL(page.url()).searchParams);

  it('works without scripts, from a wrong password to an answer for the application', async () => {
    const { page, complaints } = await arrive({ javaScriptEnabled: false });
    await signIn(page, 'wrong');
    expect(await page.title()).toBe('Error: Sign in');
    expect(await page.getByRole('alert').textContent()).toBe('The username or the password is wrong.');
    expect(await page.getByLabel('Username').inputValue()).toBe('admin');
    // The browser says so itself where a page answers with a status of an error.
    complaints.length = 0;
    await signIn(page);
    await page.getByRole('button', { name: 'Use another account' }).click();
    await signIn(page);
    await page.getByRole('button', { name: 'Do not allow' }).click();
    await page.waitForURL(`${redirectUri}?**`);
    expect(answerOf(page)).toMatchObject({ error: 'access_denied', state: 'af0ifjsldkj', iss: team.first.origin });
    expect(complaints).toEqual([]);
  });

  it('leads a web application to a token and an open channel, by a code and PKCE', async () => {
    const { page, complaints } = await arrive();
    await signIn(page);
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
    await page.waitForURL(`${redirectUri}?**`);
    const { code = '', state, iss } = answerOf(page);
    expect({ state, iss }).toEqual({ state: 'af0ifjsldkj', iss: team.first.origin });

    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      redirect_uri: redirectUri,
      code,
      code_verifier: VERIFIER,
    });
    // What the application's own script does next, on its own origin.
    const hello = await page.evaluate(`(async () => {
      const body = new URLSearchParams('${form}');
      const tokens = await (await fetch('${team.first.origin}/oauth/token/', { method: 'POST', body })).json();
      const socket = new WebSocket('${team.first.wsOrigin}/ws/chat/general/', ['chat.v1', 'bearer.' + tokens.access_token]);
      return new Promise((resolve, reject) => {
        socket.onmessage = ({ data }) => resolve(JSON.parse(data));
        socket.onclose = ({ code }) => reject(new Error('closed with ' + code));
      });
    })()`);
    expect(hello).toMatchObject({ type: 'hello', user: { username: 'admin' } });
    expect(complaints).toEqual([]);
  });

  it('is read out in its order: a language, a title, a landmark, and a label for each field', async () => {
    const { page } = await arrive();
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    expect(await page.title()).toBe('Sign in');
    expect(await page.locator('body').ariaSnapshot()).toBe(
      [
        '- main:',
        '  - heading "Sign in" [level=1]',
        '  - paragraph: Web asks you to sign in with your chat account.',
        '  - text: Username',
        '  - textbox "Username"',
        '  - text: Password',
        '  - textbox "Password"',
        '  - button "Sign in"',
        '  - button "Cancel"',
      ].join('\n'),
    );
    const order: unknown[] = [];
    for (let step = 0; step < 4; step += 1) {
      await page.keyboard.press('Tab');
      order.push(await page.evaluate('document.activeElement.name + " " + document.activeElement.value'));
    }
    expect(order).toEqual(['username ', 'password ', 'action sign-in', 'action deny']);

    await signIn(page, 'wrong');
    const username = page.getByLabel('Username');
    expect(await username.getAttribute('aria-describedby')).toBe(await page.getByRole('alert').getAttribute('id'));
    await page.getByLabel('Password').fill(PASSWORD);
    await page.keyboard.press('Enter');
    expect(await page.getByRole('main').ariaSnapshot()).toContain(
      '- heading "Allow Web to use your account?" [level=1]',
    );
    expect(await page.title()).toBe('Allow Web?');
  });

  it('fits a phone: nothing beside the screen, and fields and buttons that a thumb can hit', async () => {
    const { page } = await arrive(PHONE);
    for (const next of [() => signIn(page), async () => {}]) {
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.viewport.width);
      const targets = await page.locator('input:not([type=hidden]), button').all();
      expect(targets.length).toBeGreaterThan(2);
      for (const target of targets) expect((await target.boundingBox())?.height).toBeGreaterThanOrEqual(44);
      await next();
    }
    expect(await page.title()).toBe('Allow Web?');
  });
});

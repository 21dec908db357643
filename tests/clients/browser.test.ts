import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, launchChromium } from '../support/chromium.js';
import { startWebSite, type WebSite } from '../support/web-site.js';
import { type ClientTeam, startClientTeam } from './client-team.js';

/** The application of shown-chat.jsx in a page. */
async function pageText(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('shown-chat.jsx', import.meta.url))],
    ...{ bundle: true, format: 'iife', platform: 'browser', jsx: 'automatic', write: false },
    define: { 'process.env.NODE_ENV': '"development"' },
  });
  const script = outputFiles[0]?.text.replaceAll('</script', '<\\/script');
  return `<!doctype html><title>A chat</title><body><div id="app"></div><script>${script}</script>`;
}

describe.skipIf(findChromium() === undefined)('the client library in Chromium (skipped without a Chromium)', () => {
  let site: WebSite;
  let team: ClientTeam;
  let browser: Browser;

  beforeAll(async () => {
    site = await startWebSite(await pageText());
    team = await startClientTeam({ CORS_ALLOWED_ORIGINS: site.origin('app') });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    await team.close();
    await site.close();
  });

  it('shows a chat and what is unread by its hooks, sends, and comes back when it is cut', async () => {
    const [ann, bob] = [await team.newPerson('ann'), await team.newPerson('bob')];
    const chat = await team.newChat(ann, bob);
    const bobs = team.client(bob).room(chat.id);
    await bobs.send('hello ann');
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    const url = `http://chat.localhost:${team.proxy.port}`;
    const token = await team.signIn(ann.username);
    await page.goto(`${site.origin('app')}/#${new URLSearchParams({ url, token, chatId: chat.id })}`);
    await page.locator('li', { hasText: 'hello ann' }).waitFor();
    await page.locator('output', { hasText: '1' }).waitFor();
    await page.locator('input').fill('hello bob');
    await page.locator('input').press('Enter');
    await page.locator('li', { hasText: 'hello bob' }).waitFor();
    team.proxy.cut();
    await bobs.send('are you back?');
    await page.locator('li', { hasText: 'are you back?' }).waitFor();
    await page.locator('output', { hasText: '2' }).waitFor();
    expect(await page.locator('li').allTextContents()).toEqual(['hello ann', 'hello bob', 'are you back?']);
    expect(errors).toEqual([]);
    await page.close();
  });
});

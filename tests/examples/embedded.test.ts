import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../docs/pages.js';
import { findChromium, launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';

/** The service and the shop, started as people start them. */
async function startExample() {
  const folder = await mkdtemp(join(tmpdir(), 'chat-shop-'));
  const port = await freePort();
  const child = spawn('npm', ['run', '--silent', 'example'], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: folder, SHOP_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors = text(child.stderr);
  const ended = once(child, 'exit');
  const url = await Promise.race([
    new Promise<string>((resolve) => {
      let printed = '';
      child.stdout.on('data', (chunk) => {
        printed += chunk;
        const [, address] = /The shop listens on (\S+)\n/.exec(printed) ?? [];
        if (address !== undefined) resolve(address);
      });
    }),
    ended.then(async () => Promise.reject(new Error(`The example ended: ${await errors}`))),
  ]);
  return {
    url,
    /** @returns how it ended, what it wrote to standard error, and which temporary files are left */
    async stop(signal: NodeJS.Signals) {
      child.kill(signal);
      const [code] = await ended;
      const left = (await readdir(folder)).filter((name) => name.startsWith('chat-'));
      await rm(folder, { recursive: true });
      return { code, errors: await errors, left };
    },
  };
}

/** A window with cookies of its own, in which this customer signs in. */
async function openWindow(browser: Browser, url: string, button: string, problems: string[]): Promise<Page> {
  const page = await browser.newPage();
  page.on('pageerror', ({ message }) => problems.push(message));
  await page.goto(url);
  await page.getByRole('button', { name: button }).click();
  await page.locator('#username', { hasText: button.toLowerCase() }).waitFor();
  return page;
}

async function say(page: Page, content: string): Promise<void> {
  await page.getByLabel('Message').fill(content);
  await page.getByRole('button', { name: 'Send' }).click();
}

const seen = (page: Page, line: string) => page.locator('.sent', { hasText: line }).waitFor();

describe('the shop with chat', { timeout: 60_000 }, () => {
  let example: Awaited<ReturnType<typeof startExample>>;
  let isStopped = false;
  beforeAll(async () => {
    example = await startExample();
  });
  afterAll(async () => {
    if (!isStopped) await example.stop('SIGTERM');
  });

  it('gives nobody a token who has not signed in at the shop', async () => {
    const attempts = [
      fetch(`${example.url}/chat`),
      fetch(`${example.url}/chat/token`, { method: 'POST' }),
      fetch(`${example.url}/chat/token`, { method: 'POST', headers: { cookie: 'session=made-up' } }),
    ];
    expect((await Promise.all(attempts)).map(({ status }) => status)).toEqual([401, 401, 401]);
  });

  it.skipIf(findChromium() === undefined)(
    'lets two customers talk in two windows (skipped without a Chromium)',
    async () => {
      const browser = await launchChromium();
      try {
        const problems: string[] = [];
        const jane = await openWindow(browser, example.url, 'Jane', problems);
        const jim = await openWindow(browser, example.url, 'Jim', problems);
        await say(jane, 'Is the green tea back?');
        await seen(jim, 'jane: Is the green tea back?');
        await say(jim, 'Since today. <b>Two</b> tins are left.');
        await seen(jane, 'jim: Since today. <b>Two</b> tins are left.');

        await jane.reload();
        await seen(jane, 'jim: Since today.');
        expect(await jane.locator('li').allTextContents()).toEqual([
          'jane: Is the green tea back?',
          'jim: Since today. <b>Two</b> tins are left.',
        ]);
        await jane.getByRole('button', { name: 'Sign out' }).click();
        await jane.getByRole('button', { name: 'Jane' }).waitFor();
        expect(problems).toEqual([]);
      } finally {
        await browser.close();
      }
    },
  );

  it('ends at a signal, and leaves nothing behind', async () => {
    isStopped = true;
    expect(await example.stop('SIGTERM')).toEqual({ code: 0, errors: '', left: [] });
  });
});

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, launchChromium } from '../support/chromium.js';
import { startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';

const PATIENCE = { timeout: 10_000 };

describe.skipIf(findChromium() === undefined)('GraphiQL in a browser (skipped without a Chromium)', () => {
  let team: Awaited<ReturnType<typeof startTeam>>;
  let browser: Browser;
  let page: Page;
  /** Addresses that the page asked for, sockets too. */
  const asked: string[] = [];
  /** Errors and warnings of its scripts and of its policy. */
  const complaints: string[] = [];

  beforeAll(async () => {
    team = await startTeam();
    browser = await launchChromium();
    page = await browser.newPage();
    page.on('request', (request) => asked.push(request.url()));
    page.on('websocket', (socket) => asked.push(socket.url()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    await page.goto(`${team.first.origin}/graphql/`);
  });
  afterAll(async () => {
    await browser.close();
    await team.close();
  });

  const run = async (operation: string) => {
    const editor = `document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror`;
    await page.evaluate(`${editor}.setValue(${JSON.stringify(operation)})`);
    // It reads what stands there with a delay: until then it has the button of the text before.
    await expect.poll(() => page.evaluate(`${editor}.documentAST?.loc.source.body`), PATIENCE).toBe(operation);
    await page.locator('.graphiql-execute-button:not([aria-haspopup])').click();
  };
  const result = () => page.evaluate(`document.querySelector('.result-window .CodeMirror').CodeMirror.getValue()`);

  it('signs in, asks and listens, from this service alone and without a complaint of the browser', async () => {
    await page.getByLabel('Username').fill('admin');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByLabel('Client id').fill(team.credentials.client_id);
    await page.getByLabel('Client secret').fill(team.credentials.client_secret);
    await page.getByRole('button', { name: 'Get a token' }).click();
    await page.getByText('Signed in.').waitFor();

    await run('{ me { username role } }');
    await expect.poll(result, PATIENCE).toContain('"username": "admin"');

    const token = await team.signIn('admin');
    const { data } = await team.first.query(token, 'mutation { createChat(name: "general") { id cursor } }');
    const { id, cursor } = Object(data).createChat;
    await run(
      `subscription { chatEvents(chatId: "${id}", after: "${cursor}") { ... on MessageCreated { message { content } } } }`,
    );
    await team.first.query(token, `mutation { sendMessage(chatId: "${id}", content: "Hello, GraphiQL") { id } }`);
    await expect.poll(result, PATIENCE).toContain('Hello, GraphiQL');

    const { origin, wsOrigin } = team.first;
    const elsewhere = asked.filter((url) => !/^(data|blob):/.test(url) && !url.startsWith(`${origin}/`));
    expect(elsewhere).toEqual([`${wsOrigin}/graphql/`]);
    expect(complaints).toEqual([]);
  });
});

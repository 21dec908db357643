import type { Browser, BrowserContext, Page } from 'playwright-core';
import { registerWebClient } from '../../src/domain/access/web-client.js';
import { type Chat, type Person, startClientTeam } from '../clients/client-team.js';
import { buildTestClient } from './built-client.js';

export interface Window {
  page: Page;
  /** What the page complained about: errors of scripts, and all that is on the console as an error or a warning. */
  complaints: string[];
  close(): Promise<void>;
}

/** A service that serves the web client, and people with windows of a browser in which they have signed in. */
export async function startWebTeam(browser: Browser, environment: NodeJS.ProcessEnv = {}) {
  const folder = await buildTestClient();
  const team = await startClientTeam({ WEB_CLIENT: 'on', ...environment }, { web: { folder } });
  const { app } = team.first;
  const { services } = app;
  await registerWebClient(app.db, services.clients, ['http://127.0.0.1/']);
  const { id: adminId } = await app.db.prisma.user.findUniqueOrThrow({ where: { username: 'admin' } });
  const contexts: BrowserContext[] = [];

  return {
    ...team,
    admin: { id: adminId, username: 'admin' },

    /** A window with cookies of its own. */
    async openWindow(options: Parameters<Browser['newContext']>[0] = {}): Promise<Window> {
      const context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce', ...options });
      contexts.push(context);
      const page = await context.newPage();
      page.setDefaultTimeout(15_000);
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', ({ message }) => complaints.push(message));
      return { page, complaints, close: () => context.close() };
    },

    /** A window in which this person has signed in, and looks at a chat. */
    async openAs(person: Person, chat?: Chat, options: Parameters<Browser['newContext']>[0] = {}): Promise<Window> {
      const window = await this.openWindow(options);
      const code = await services.signInCodes.create(person.id);
      await window.page.goto(`${team.url}/#code=${code}${chat ? `&chat=${chat.id}` : ''}`);
      await window.page.locator('#main').waitFor();
      return window;
    },

    async close() {
      for (const context of contexts) await context.close();
      await team.close();
    },
  };
}

export type WebTeam = Awaited<ReturnType<typeof startWebTeam>>;

import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Chat, Person } from '../clients/client-team.js';
import { findChromium, launchChromium } from '../support/chromium.js';
import { Service } from '../support/service.js';
import { PASSWORD } from '../support/services.js';
import { buildTestClient } from './built-client.js';
import { choose, field, findings, said, say, textsOf } from './page-actions.js';
import { SCROLL_UP, type ScrollProbe } from './scroll-up.js';
import { startWebTeam, type WebTeam, type Window } from './web-team.js';

/** What a browser itself says of a network that is not there. */
const NETWORK = /net::ERR_|WebSocket connection to|Failed to load resource/;
/** Tokens are refreshed 30 s before they end, so these are every two seconds. */
const SHORT_TOKENS = { OAUTH2_PROVIDER_ACCESS_TOKEN_EXPIRE_SECONDS: '32' };

describe.skipIf(findChromium() === undefined)(
  'the web client in Chromium (skipped without a Chromium)',
  { timeout: 120_000 },
  () => {
    let browser: Browser;
    let team: WebTeam;
    let windows: Window[];
    let [ann, bob]: [Person, Person] = [
      { id: '', username: '' },
      { id: '', username: '' },
    ];
    let chat: Chat;

    beforeAll(async () => {
      browser = await launchChromium();
      team = await startWebTeam(browser, SHORT_TOKENS);
    });
    afterAll(async () => {
      await team.close();
      await browser.close();
    });
    beforeEach(async () => {
      windows = [];
      [ann, bob] = [await team.newPerson('ann'), await team.newPerson('bob')];
      chat = await team.newChat(ann, bob);
    });
    afterEach(async () => {
      for (const window of windows) await window.close();
    });

    async function open(
      person: Person,
      to: Chat | undefined = chat,
      options: Parameters<Browser['newContext']>[0] = {},
    ) {
      const window = await team.openAs(person, to, options);
      windows.push(window);
      return window.page;
    }
    const complaints = () => windows.flatMap((window) => window.complaints);

    it('lets two people talk in two windows: write, edit, delete, answer, react, mention', async () => {
      const [anns, bobs] = [await open(ann), await open(bob)];
      await say(anns, 'Is the green tea back?');
      await said(bobs, 'Is the green tea back?').waitFor();
      await field(bobs).pressSequentially('Since today, @an');
      await anns.getByText(`${bob.username} is writing …`).waitFor();
      await bobs.getByRole('option', { name: `@${ann.username}` }).waitFor();
      await field(bobs).press('Enter');
      await field(bobs).press('Enter');
      await said(anns, `Since today, @${ann.username}`).locator('.mentioned.own').waitFor();

      await choose(bobs, 'Is the green', 'React');
      await bobs.getByRole('button', { name: 'party' }).click();
      await said(anns, 'Is the green').getByRole('button', { name: '🎉 1' }).click();
      await said(bobs, 'Is the green').getByRole('button', { name: '🎉 2' }).waitFor();

      await choose(anns, 'Since today', 'Reply');
      await say(anns, 'Two tins, please.');
      await said(bobs, 'Two tins, please.').getByRole('button', { name: 'Since today' }).waitFor();
      await choose(anns, 'Two tins', 'More', 'Edit');
      await field(anns).fill('Three tins, please.');
      await field(anns).press('Enter');
      await said(bobs, 'Three tins, please. (edited)').waitFor();
      await choose(anns, 'Three tins', 'More', 'Delete');
      await said(bobs, 'This message was deleted.').waitFor();
      expect(await textsOf(bobs)).toEqual([
        'Is the green tea back?',
        `Since today, @${ann.username}`,
        'This message was deleted.',
      ]);
      expect(complaints()).toEqual([]);
    });

    it('shows threads, pins, who has read, and what is unread', async () => {
      const [anns, bobs] = [await open(ann), await open(bob)];
      await say(anns, 'Who is in?');
      await choose(bobs, 'Who is in?', 'Open the thread');
      await say(bobs, 'Me!', 'Reply in the thread');
      await anns.getByRole('button', { name: '1 reply' }).click();
      await anns.getByRole('complementary', { name: 'Thread' }).getByText('Me!').waitFor();
      await bobs.getByRole('button', { name: 'Close: Thread' }).click();
      await said(anns, 'Who is in?').first().getByText(`Seen by ${bob.username}`).waitFor();

      const { memberships } = team.first.app.services;
      await memberships.setRole(null, chat.id, bob.id, 'moderator');
      await choose(bobs, 'Who is in?', 'More', 'Pin');
      await bobs.getByRole('button', { name: 'Pinned messages' }).click();
      await bobs.getByRole('complementary', { name: 'Pinned' }).getByText('Who is in?').waitFor();

      const other = await team.newChat(ann, bob);
      await anns.goto(`${team.url}/#/chat/${other.id}`);
      await say(bobs, 'Are you there?');
      await anns.getByRole('link', { name: chat.name }).getByText('1 unread message').waitFor();
      expect(await anns.title()).toBe('(1) Chat');
      await anns.getByRole('link', { name: chat.name }).click();
      await anns.getByText('New', { exact: true }).waitFor();
      await anns.getByRole('link', { name: chat.name }).getByText('1 unread message').waitFor({ state: 'detached' });
      expect(complaints()).toEqual([]);
    });

    it('loses nothing when the network goes in the middle of a burst', async () => {
      const [anns, bobs] = [await open(ann), await open(bob)];
      await say(anns, 'first');
      await said(bobs, 'first').waitFor();
      const burst = Array.from({ length: 30 }, (_, index) => `message ${index}`);
      for (const [index, text] of burst.entries()) {
        if (index === 10) team.proxy.stall('to server');
        if (index === 20) team.proxy.cut();
        await say(anns, text);
      }
      team.proxy.heal();
      team.proxy.cut();
      await said(bobs, 'message 29').waitFor();
      await anns.locator('.sending').first().waitFor({ state: 'detached' });
      for (const page of [anns, bobs]) expect(await textsOf(page)).toEqual(['first', ...burst]);
      expect(complaints().filter((text) => !NETWORK.test(text))).toEqual([]);
    });

    it('goes on when the service is restarted under it, and says meanwhile that there is no connection', async () => {
      const own = await startWebTeam(browser);
      const [cid, dan] = [await own.newPerson('cid'), await own.newPerson('dan')];
      const ownChat = await own.newChat(cid, dan);
      const [cids, dans] = [await own.openAs(cid, ownChat), await own.openAs(dan, ownChat)];
      await say(cids.page, 'before');
      await said(dans.page, 'before').waitFor();
      const [before] = own.services;
      await before?.close();
      await cids.page.getByText('No connection.').waitFor();
      await say(cids.page, 'while it was away');
      const after = await Service.start(
        own.database,
        { WEB_CLIENT: 'on' },
        { web: { folder: await buildTestClient() } },
      );
      own.services.splice(0, 1, after);
      own.proxy.retarget({ port: Number(new URL(after.origin).port) });
      await said(dans.page, 'while it was away').waitFor();
      await cids.page.getByText('No connection.').waitFor({ state: 'detached' });
      expect(await textsOf(dans.page)).toEqual(['before', 'while it was away']);
      expect([...cids.complaints, ...dans.complaints].filter((text) => !NETWORK.test(text))).toEqual([]);
      await own.close();
    });

    it('tells whoever is removed while looking', async () => {
      const bobs = await open(bob);
      await field(bobs).waitFor();
      await team.first.app.services.memberships.remove(null, chat.id, bob.id);
      await bobs.getByRole('heading', { name: 'You are not in this chat' }).waitFor();
      await bobs.getByRole('link', { name: chat.name }).waitFor({ state: 'detached' });
      await team.first.app.services.memberships.add(null, chat.id, bob.id);
      await bobs.getByRole('link', { name: chat.name }).click();
      await say(bobs, 'Back again');
      await said(bobs, 'Back again').waitFor();
      expect(complaints()).toEqual([]);
    });

    it('renews its token unseen, and keeps what was written when the sign-in has ended', async () => {
      const [anns, bobs] = [await open(ann), await open(bob)];
      await field(anns).waitFor();
      await anns.waitForRequest((request) => request.postData()?.includes('grant_type=refresh_token') === true);
      await say(anns, 'with a new token');
      await said(bobs, 'with a new token').waitFor();

      await team.first.app.services.users.setPassword(ann.username, 'another horse battery');
      await anns.getByText('Your sign-in has ended.').waitFor();
      await say(anns, 'after the end');
      await anns.getByRole('button', { name: 'Sign in again' }).click();
      await anns.getByLabel('Username').fill(ann.username);
      await anns.getByLabel('Password').fill('another horse battery');
      await anns.getByLabel('Password').press('Enter');
      await said(bobs, 'after the end').waitFor();
      await said(anns, 'after the end').waitFor();
      // Chromium says of each refusal that there was one.
      expect(complaints().filter((text) => !/status of 40[01]|WebSocket connection to/.test(text))).toEqual([]);
    });

    it('is used with the keyboard alone, from signing in to an answer', async () => {
      const window = await team.openWindow();
      windows.push(window);
      const { page } = window;
      await page.goto(`${team.url}/#/chat/${chat.id}`);
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
      const press = async (...keys: string[]) => {
        for (const key of keys) await page.keyboard.press(key);
      };
      const type = (text: string) => page.keyboard.type(text);
      await press('Tab', 'Enter');
      await page.getByLabel('Username').waitFor();
      await press('Tab');
      await type(ann.username);
      await press('Tab');
      await type(PASSWORD);
      await press('Enter');
      await field(page).waitFor();
      await press('Tab');
      expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the conversation');
      await press('Enter');
      await page.getByText('This is where it begins.').waitFor();
      const reach = async (label: string) => {
        for (let tabs = 0; tabs < 20; tabs += 1) {
          await press('Tab');
          if ((await page.evaluate('document.activeElement.ariaLabel')) === label) return;
        }
        throw new Error(`Tab does not reach “${label}”.`);
      };
      await reach('Write a message');
      await type('one');
      await press('Enter');
      await type('two');
      await press('Enter');
      await said(page, 'two').waitFor();
      await press('Shift+Tab', 'ArrowUp');
      await expect.poll(() => page.evaluate('document.activeElement.innerText')).toContain('one');
      await reach('Reply');
      await press('Enter');
      await expect.poll(() => page.evaluate('document.activeElement.ariaLabel')).toBe('Write a message');
      await type('an answer');
      await press('Enter');
      await said(page, 'an answer').getByRole('button', { name: 'one' }).waitFor();
      await page.locator('.sending').waitFor({ state: 'detached' });
      await press('ArrowUp');
      await expect.poll(() => field(page).inputValue()).toBe('an answer');
      await press('Escape');
      await expect.poll(() => field(page).inputValue()).toBe('');
      expect(window.complaints).toEqual([]);
    });

    it('draws a window of a long history, which stays where it is while more is loaded above it', async () => {
      const room = team.client(ann).room(chat.id);
      for (let index = 0; index < 400; index += 50)
        await Promise.all(Array.from({ length: 50 }, (_, offset) => room.send(`message ${index + offset}`)));
      const page = await open(bob);
      await said(page, 'message 399').waitFor();
      const beginning = page.getByText('This is where it begins.');
      const probes: ScrollProbe[] = [];
      // At the top of what is loaded, what is above may still be on its way.
      const isAtBeginning = async () => probes.at(-1)?.isAtTop === true && (await beginning.count()) > 0;
      for (let step = 0; step < 500 && !(await isAtBeginning()); step += 1)
        probes.push(await page.evaluate<ScrollProbe>(SCROLL_UP));
      expect(Math.max(...probes.map(({ moved }) => moved))).toBeLessThan(2);
      expect(Math.max(...probes.map(({ drawn }) => drawn))).toBeLessThan(120);
      await said(page, 'message 0').first().waitFor();
      await beginning.waitFor();
      await page.getByRole('button', { name: 'Newest' }).click();
      await said(page, 'message 399').waitFor();
      expect(complaints()).toEqual([]);
    });

    it('shows the settings of a chat to whom they are offered, and a change of them to everybody', async () => {
      const { memberships } = team.first.app.services;
      await memberships.setRole(null, chat.id, ann.id, 'owner');
      const [anns, bobs] = [await open(ann), await open(bob)];
      await field(bobs).waitFor();
      expect(await bobs.getByRole('button', { name: 'Settings of the chat' }).count()).toBe(0);
      await anns.getByRole('button', { name: 'Settings of the chat' }).click();
      await anns.getByLabel('Name').fill(`Tea of ${ann.username}`);
      await anns.getByLabel('What it is about').fill('Green and black');
      await anns.getByRole('button', { name: 'Save' }).click();
      await bobs.getByRole('heading', { name: `Tea of ${ann.username}` }).waitFor();
      await bobs.getByText('Green and black').waitFor();
      await anns.getByLabel('Who writes here').selectOption('moderator');
      await bobs.getByText('Only moderators and owners write here.').waitFor();
      await anns.getByRole('button', { name: 'Archive the chat' }).click();
      await anns.getByText('This chat is archived: it can be read').waitFor();
      await anns.getByRole('button', { name: 'Take it out of the archive' }).click();
      await field(anns).waitFor();
      expect(complaints()).toEqual([]);
    });

    it('offers an admin what admins do, and nobody else', async () => {
      await team.first.app.services.memberships.setRole(null, chat.id, bob.id, 'reader');
      const bobs = await open(bob);
      await bobs.getByText('You can read here, and not write.').waitFor();
      await bobs.getByRole('button', { name: 'Members' }).click();
      await bobs.getByRole('complementary', { name: 'Members' }).getByText(ann.username).waitFor();
      for (const name of ['Add somebody', 'Invite people', `More for ${ann.username}`, 'Reports', 'New person'])
        expect(await bobs.getByRole('button', { name }).count()).toBe(0);
      expect(await bobs.getByRole('link', { name: 'People' }).count()).toBe(0);

      const admins = await open(team.admin, undefined);
      await admins.getByRole('link', { name: 'All chats' }).click();
      await admins.getByRole('button', { name: 'New chat' }).click();
      await admins.getByLabel('Name').fill(`Tea room of ${ann.username}`);
      await admins.getByRole('button', { name: 'Make the chat' }).click();
      await admins.getByRole('button', { name: 'Add somebody' }).click();
      await admins.getByRole('button', { name: 'Somebody new' }).click();
      await admins.getByLabel('Username').fill(`eve-${bob.username}`);
      await admins.getByRole('button', { name: 'Make the account' }).click();
      const password = await admins.locator('.secret code').textContent();
      const [eves] = await Promise.all([
        admins.context().waitForEvent('page'),
        admins.getByRole('link', { name: 'Open a window as' }).click(),
      ]);
      expect(await eves.getByLabel('Username').inputValue()).toBe(`eve-${bob.username}`);
      await eves.getByLabel('Password').fill(password ?? '');
      await eves.getByLabel('Password').press('Enter');
      await eves.getByRole('link', { name: 'Tea room' }).click();
      await admins.getByRole('button', { name: 'Close', exact: true }).click();
      await say(admins, 'Welcome!');
      await said(eves, 'Welcome!').waitFor();
      await say(eves, 'Thank you.');
      await said(admins, 'Thank you.').waitFor();
      await admins.getByRole('button', { name: `More for eve-${bob.username}` }).click();
      await admins.getByRole('menuitem', { name: 'Remove from the chat' }).click();
      await eves.getByRole('heading', { name: 'You are not in this chat' }).waitFor();
      expect(complaints()).toEqual([]);
    });

    describe('has no finding of axe', () => {
      const LOOKS = [
        { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
        { colorScheme: 'dark', viewport: { width: 360, height: 740 } },
      ] as const;

      it.each(LOOKS)('on any view, $colorScheme, $viewport.width pixels wide', async (look) => {
        const { memberships } = team.first.app.services;
        await memberships.add(null, chat.id, team.admin.id);
        const room = team.client(ann).room(chat.id);
        const root = await room.send(`Hello @${bob.username}, see https://example.com`, { mentions: [bob.id] });
        await room.react(root.id, '🎉');
        await room.send('An answer', { replyTo: root.id });
        await room.send('In the thread', { thread: root.id });
        const out = await team.openWindow(look);
        windows.push(out);
        await out.page.goto(team.url);
        await out.page.getByRole('button', { name: 'Sign in' }).waitFor();
        expect(await findings(out.page)).toEqual([]);

        const page = await open(team.admin, chat, look);
        const views: Record<string, () => Promise<void>> = {
          chat: () => said(page, 'An answer').waitFor(),
          thread: () => page.getByText('In the thread').waitFor(),
          members: () => page.getByRole('button', { name: 'Add somebody' }).waitFor(),
          pins: () => page.getByText('Nothing is pinned here.').waitFor(),
          settings: () => page.getByRole('button', { name: 'Archive the chat' }).waitFor(),
        };
        const paths = {
          chat: '',
          thread: `/thread/${root.id}`,
          members: '/members',
          pins: '/pins',
          settings: '/settings',
        };
        for (const [view, path] of Object.entries(paths)) {
          await page.goto(`${team.url}/#/chat/${chat.id}${path}`);
          await views[view]?.();
          expect(await findings(page)).toEqual([]);
        }
        await page.goto(`${team.url}/#/chat/${chat.id}`);
        await said(page, 'An answer').focus();
        await said(page, 'An answer').getByRole('button', { name: 'More' }).click();
        await page.getByRole('menuitem', { name: 'Delete' }).waitFor();
        expect(await findings(page)).toEqual([]);
        await page.keyboard.press('Escape');
        await field(page).pressSequentially('@a');
        await page.getByRole('option').first().waitFor();
        expect(await findings(page)).toEqual([]);
        await page.goto(`${team.url}/#/people`);
        await page.getByRole('button', { name: 'New person' }).click();
        await page.getByRole('dialog').waitFor();
        expect(await findings(page)).toEqual([]);
        await page.keyboard.press('Escape');
        expect(await findings(page)).toEqual([]);
        await page.goto(`${team.url}/#/chats`);
        await page.getByRole('link', { name: chat.name }).first().waitFor();
        expect(await findings(page)).toEqual([]);
        await page.goto(`${team.url}/#/`);
        await page.getByRole('button', { name: 'Your account' }).click();
        await page.getByRole('button', { name: 'Sign out' }).waitFor();
        expect(await findings(page)).toEqual([]);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(look.viewport.width);
        expect(complaints()).toEqual([]);
      });
    });
  },
);

import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createChat, openDirectChat, updateChat } from '../../clients/typescript/src/chats.js';
import { invite } from '../../clients/typescript/src/invitations.js';
import { block, mute } from '../../clients/typescript/src/moderation.js';
import { reportMessage } from '../../clients/typescript/src/reports.js';
import type { Chat, Person } from '../clients/client-team.js';
import { findChromium, launchChromium } from '../support/chromium.js';
import { PASSWORD } from '../support/services.js';
import { choose, chooseFor, field, findings, said, say } from './page-actions.js';
import { startWebTeam, type WebTeam, type Window } from './web-team.js';

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const link = (page: Page, name: string) => page.getByRole('link', { name, exact: true });

describe.skipIf(findChromium() === undefined)(
  'chats and people in the web client in Chromium (skipped without a Chromium)',
  { timeout: 120_000 },
  () => {
    let browser: Browser;
    let team: WebTeam;
    const windows: Window[] = [];
    let [ann, bob]: [Person, Person] = [
      { id: '', username: '' },
      { id: '', username: '' },
    ];
    let chat: Chat;

    beforeAll(async () => {
      browser = await launchChromium();
      team = await startWebTeam(browser);
    });
    afterAll(async () => {
      await team.close();
      await browser.close();
    });
    beforeEach(async () => {
      [ann, bob] = [await team.newPerson('ann'), await team.newPerson('bob')];
      chat = await team.newChat(ann, bob);
      await team.first.app.services.memberships.setRole(null, chat.id, ann.id, 'moderator');
    });
    afterEach(async () => {
      for (const window of windows.splice(0)) await window.close();
      team.closeClients();
    });

    async function open(person: Person, path: string, options: Parameters<Browser['newContext']>[0] = {}) {
      const window = await team.openAs(person, undefined, options);
      windows.push(window);
      await window.page.goto(`${team.url}/${path}`);
      return window.page;
    }
    const room = (panel = '', of = chat) => `#/chat/${of.id}${panel && `/${panel}`}`;
    const complaints = () => windows.flatMap((window) => window.complaints);

    it('finds public chats by their names, joins and leaves them', async () => {
      const name = `Open to ${bob.username}`;
      await createChat(team.client(team.admin), { name, topic: 'Tea', visibility: 'public' });
      const page = await open(bob, '#/');
      await link(page, 'Find chats').click();
      await page.getByRole('searchbox').fill('none is called so');
      await page.getByText('The name of no public chat begins like this.').waitFor();
      await page.getByRole('searchbox').fill(`open to ${bob.username}`);
      await button(page, `Join ${name}`).click();
      await say(page, 'Here I am');
      await said(page, 'Here I am').waitFor();
      await button(page, 'Members').click();
      await button(page, 'Leave the chat …').click();
      await page.getByText('You may join it again.').waitFor();
      await button(page, 'Leave').click();
      await page.getByRole('link', { name }).waitFor({ state: 'detached' });
      await link(page, 'Find chats').click();
      await button(page, `Join ${name}`).waitFor();
      expect(complaints()).toEqual([]);
    });

    it('invites whom one knows, who accepts or declines', async () => {
      const { memberships } = team.first.app.services;
      const [first, second] = [await team.newChat(ann), await team.newChat(ann)];
      for (const { id } of [first, second]) await memberships.setRole(null, id, ann.id, 'owner');
      const [anns, bobs] = [await open(ann, room('invite', first)), await open(bob, '#/')];
      await button(anns, `Invite ${bob.username}`).click();
      await link(bobs, 'Invitations 1 open invitation').waitFor();
      await invite(team.client(ann), second.id, bob.id);
      await link(bobs, 'Invitations 2 open invitations').click();
      await button(bobs, `Decline the invitation to ${second.name}`).click();
      await button(bobs, `Decline the invitation to ${second.name}`).waitFor({ state: 'detached' });
      // Whoever declined by the keyboard goes on in the list.
      expect(await bobs.evaluate('document.activeElement.ariaLabel')).toBe('Your invitations');
      await button(bobs, `Accept the invitation to ${first.name}`).click();
      await say(bobs, 'Thank you');
      await said(bobs, 'Thank you').waitFor();
      await bobs.getByRole('link', { name: /^Invitations/ }).waitFor({ state: 'detached' });
      expect(complaints()).toEqual([]);
    });

    it('makes a link, which is shown once, and by which whoever signs in joins until it is used up', async () => {
      const own = await team.newChat(ann);
      await team.first.app.services.memberships.setRole(null, own.id, ann.id, 'owner');
      const anns = await open(ann, room('invite', own));
      await anns.getByLabel('It makes them').selectOption('reader');
      await anns.getByLabel('It is for').selectOption('1');
      await button(anns, 'Make a link').click();
      const address = (await anns.locator('.secret code').textContent()) ?? '';
      await anns.getByText('0 of 1 used').waitFor();

      const window = await team.openWindow();
      windows.push(window);
      const { page } = window;
      await page.goto(address);
      await page.getByText('You are invited to a chat.').waitFor();
      await button(page, 'Sign in').click();
      await page.getByLabel('Username').fill(bob.username);
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByLabel('Password').press('Enter');
      await button(page, 'Join the chat').click();
      await page.getByRole('heading', { name: own.name }).waitFor();
      await page.getByText('You can read here, and not write.').waitFor();
      expect(page.url()).not.toContain(address.split('/').at(-1));

      const late = await open(await team.newPerson('late'), address.slice(address.indexOf('#')));
      await button(late, 'Join the chat').click();
      await late.getByText('This invitation has ended, or is used up.').waitFor();

      await anns.getByLabel('It is for').selectOption('5');
      await button(anns, 'Make another link').click();
      const next = button(anns, 'End the link for readers, 0 of 5 used');
      await next.click();
      await next.waitFor({ state: 'detached' });
      // Neither is the one that is used up listed as open.
      expect(await anns.getByRole('button', { name: /^End the link/ }).count()).toBe(0);
      await anns.reload();
      await button(anns, 'Make a link').waitFor();
      expect(await anns.locator('.secret').count()).toBe(0);
      // Chromium says of the refusal that there was one.
      expect(complaints()).toEqual([]);
    });

    it('mutes, and says to the muted why they cannot write and until when', async () => {
      await team.first.app.services.memberships.add(null, chat.id, team.admin.id);
      const [anns, bobs] = [await open(ann, room('members')), await open(bob, room())];
      await field(bobs).waitFor();
      await chooseFor(anns, bob.username, 'Mute …');
      await anns.getByLabel('For how long').selectOption('1 day');
      await anns.getByLabel('Why').fill('Too loud');
      await button(anns, 'Mute').click();
      await bobs.getByText(/You are muted here until \w+, \d\d:\d\d\./).waitFor();
      await anns.getByRole('listitem').filter({ hasText: bob.username }).getByText('muted until').waitFor();
      await chooseFor(anns, bob.username, 'End the mute');
      await say(bobs, 'I am back');
      await said(anns, 'I am back').waitFor();
      await chooseFor(anns, team.admin.username, 'Mute …');
      await button(anns, 'Mute').click();
      await anns.getByRole('dialog').getByText('This user is an admin, and cannot be muted.').waitFor();
      await anns.keyboard.press('Escape');
      // It closes the dialog alone.
      await anns.getByRole('complementary', { name: 'Members' }).waitFor();
      expect(complaints()).toEqual([]);
    });

    it('bans with what was written, lists the bans, and ends them', async () => {
      const [anns, bobs] = [await open(ann, room('members')), await open(bob, room())];
      await say(bobs, 'Cheap watches');
      await said(anns, 'Cheap watches').waitFor();
      await chooseFor(anns, bob.username, 'Ban …');
      await anns.getByLabel('For how long').selectOption('');
      await anns.getByLabel('Delete').selectOption('all');
      await anns.getByLabel('Why').fill('Watches');
      await button(anns, 'Ban').click();
      await bobs.getByText(`You are banned from ${chat.name}.`).waitFor();
      await said(anns, 'This message was deleted.').waitFor();
      await link(anns, 'Who is banned').click();
      await anns.getByText('“Watches”').waitFor();
      await button(anns, `End the ban of ${bob.username}`).click();
      await anns.getByText('Nobody is banned from this chat.').waitFor();
      await button(anns, 'Back').click();
      await anns.getByRole('heading', { name: 'Members' }).waitFor();
      await button(anns, 'Close: Members').click();
      // Nobody has opened it here, so the focus goes to the conversation.
      expect(await anns.evaluate('document.activeElement.id')).toBe('main');
      expect(complaints()).toEqual([]);
    });

    it('counts down in slow mode, also after a reload', async () => {
      await updateChat(team.client(team.admin), chat.id, { slowSeconds: 600 });
      const page = await open(bob, room());
      await say(page, 'one');
      await page.getByText(/Slow mode: you can write again in (9:\d\d|10:00) min\./).waitFor();
      await say(page, 'two');
      expect(await field(page).inputValue()).toBe('two');
      await page.reload();
      await page.getByText(/Slow mode: you can write again in 9:\d\d min\./).waitFor();
      await updateChat(team.client(team.admin), chat.id, { slowSeconds: 0 });
      await page.getByText('Slow mode').waitFor({ state: 'detached' });
      await say(page, 'three');
      await said(page, 'three').waitFor();
      expect(complaints()).toEqual([]);
    });

    it('takes reports to the moderators, with what was said, and what is done resolves them', async () => {
      const [anns, bobs] = [await open(ann, room()), await open(bob, room())];
      const cid = await team.newPerson('cid');
      await team.first.app.services.memberships.add(null, chat.id, cid.id);
      const cids = team.client(cid).room(chat.id);
      const rude = await cids.send('Something rude');
      await choose(bobs, 'Something rude', 'More', 'Report …');
      await bobs.getByLabel('It is abusive').check();
      await bobs.getByLabel('What should they know?').fill('Look at this');
      await button(bobs, 'Report').click();
      await button(bobs, 'Done').click();
      expect(await button(bobs, 'Reports').count()).toBe(0);
      await cids.edit(rude.id, 'Something nice');
      await button(anns, 'Reports').click();
      const report = anns.getByRole('complementary', { name: 'Reports' }).getByRole('listitem');
      await report.getByText('Something rude').waitFor();
      await report.getByText('Look at this').waitFor();
      await button(anns, 'Delete it').click();
      await said(bobs, 'This message was deleted.').waitFor();
      await anns.getByText('Nothing is reported.').waitFor();
      await anns.getByLabel('Which reports').selectOption('resolved');
      await report.getByText(`Message deleted by ${ann.username}`).waitFor();
      expect(complaints()).toEqual([]);
    });

    it('shows admins the reports of all chats, direct ones too, and bans from there', async () => {
      const { id: directId } = await openDirectChat(team.client(bob), ann.id);
      const [words, secret] = [
        await team.client(ann).room(chat.id).send('Said in the group'),
        await team.client(ann).room(directId).send('Said in private'),
      ];
      await reportMessage(team.client(bob), chat.id, words.id, 'spam');
      await reportMessage(team.client(bob), directId, secret.id, 'illegal');
      const page = await open(team.admin, '#/');
      await link(page, 'Reports').click();
      const [inGroup, inDirect] = [words, secret].map(({ content }) =>
        page.getByRole('list', { name: 'Reports' }).getByRole('listitem').filter({ hasText: content }),
      );
      await inDirect?.getByText('in a direct or deleted chat').waitFor();
      expect(await inDirect?.getByRole('button').allInnerTexts()).toEqual(['Dismiss']);
      await inDirect?.getByRole('button').click();
      await inDirect?.waitFor({ state: 'detached' });
      await inGroup?.getByRole('button', { name: 'Ban …' }).click();
      await button(page, 'Ban').click();
      await inGroup?.waitFor({ state: 'detached' });
      await page.getByLabel('Which reports').selectOption('resolved');
      await inGroup?.getByText('Sender banned by admin').waitFor();
      await page.goto(`${team.url}/${room('bans')}`);
      await button(page, `End the ban of ${ann.username}`).waitFor();
      expect(complaints()).toEqual([]);
    });

    it('blocks in direct chats, and ends that', async () => {
      const { id } = await openDirectChat(team.client(bob), ann.id);
      const [anns, bobs] = [await open(ann, `#/chat/${id}`), await open(bob, `#/chat/${id}/members`)];
      await field(anns).waitFor();
      await button(bobs, `Block ${ann.username}`).click();
      await button(bobs, `Unblock ${ann.username}`).waitFor();
      await say(anns, 'Hello?');
      await anns.getByText('Not sent. This user does not take messages from you.').waitFor();
      await anns.reload();
      await anns.getByText(`${bob.username} does not take messages from you.`).waitFor();
      await button(bobs, `Your account, ${bob.username}`).click();
      await button(bobs, 'Blocked people').click();
      await bobs
        .getByRole('dialog')
        .getByRole('button', { name: `Unblock ${ann.username}` })
        .click();
      await bobs.getByText('You block nobody.').waitFor();
      await anns.reload();
      await say(anns, 'Hello again');
      await said(bobs, 'Hello again').waitFor();
      expect(complaints()).toEqual([]);
    });

    it('is not led astray by addresses that somebody has made up', async () => {
      const page = await open(bob, room());
      await field(page).waitFor();
      for (const path of [
        '?code=x&state=y',
        '?error=access_denied&error_description=Call%20this%20number',
        '#code=x',
      ]) {
        await page.goto(`${team.url}/${path}`);
        await page.getByRole('link', { name: chat.name }).waitFor();
        expect(new URL(page.url()).search).toBe('');
      }
      for (const path of ['#/chat/%E0%A4%A', '#/join/%', '#/chat/../../people', '#//example.com', '#/constructor']) {
        await page.goto(`${team.url}/${path}`);
        await page.reload();
        await page.getByRole('link', { name: chat.name }).waitFor();
      }
      // What is refused is on the console of the browser.
      expect(complaints().filter((text) => !/status of 400/.test(text))).toEqual([]);
    });

    describe('has no finding of axe', () => {
      const LOOKS = [
        { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
        { colorScheme: 'dark', viewport: { width: 360, height: 740 } },
      ] as const;

      it.each(LOOKS)('on any view, $colorScheme, $viewport.width pixels wide', { timeout: 120_000 }, async (look) => {
        const admin = team.client(team.admin);
        await createChat(admin, { name: `Public ${ann.username}`, topic: 'Tea', visibility: 'public' });
        const other = await team.newChat(bob);
        await invite(admin, other.id, ann.id);
        const { id: messageId } = await team.client(bob).room(chat.id).send('Something rude');
        await reportMessage(admin, chat.id, messageId, 'abuse', 'Look');
        await mute(admin, chat.id, bob.id);
        await block(team.client(ann), bob.id);
        const { id: directId } = await openDirectChat(team.client(ann), bob.id);
        const page = await open(ann, '#/', look);
        const check = async () => {
          expect(await findings(page)).toEqual([]);
          expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(look.viewport.width);
        };
        const views: [path: string, text: string][] = [
          ['#/discover', `Public ${ann.username}`],
          ['#/invitations', 'invites you'],
          ['#/join/abc', 'You are invited to a chat'],
          [room('members'), 'muted'],
          [room('bans'), 'Nobody is banned from this chat.'],
          [room('reports'), 'Something rude'],
          [`#/chat/${directId}/members`, `Unblock ${bob.username}`],
          [room('invite'), 'Make a link'],
        ];
        for (const [path, text] of views) {
          await page.goto(`${team.url}/${path}`);
          await page.locator('.page, .panel').getByText(text).first().waitFor();
          await check();
        }
        await button(page, 'Make a link').click();
        await page.locator('.secret').waitFor();
        await check();
        await page.goto(`${team.url}/${room('members')}`);
        await chooseFor(page, bob.username, 'Ban …');
        await page.getByLabel('For how long').selectOption('until');
        await check();
        await page.keyboard.press('Escape');
        await button(page, 'Close: Members').click();
        await choose(page, 'Something rude', 'More', 'Report …');
        await page.getByLabel('It is abusive').waitFor();
        await check();
        expect(complaints()).toEqual([]);
      });
    });
  },
);

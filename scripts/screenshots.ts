// `npm run screenshots`: stages a conversation in a service of its own, and takes the README's pictures of the web client. They go to
// docs/pictures, or to the folder that is named. It takes a Chromium and, for the reactions, a font with emoji (fonts-noto-color-emoji).
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Browser, Page } from 'playwright-core';
import { WebSocket } from 'ws';
import { type ChatClient, createChatClient, webSocketTransport } from '../clients/typescript/src/client.js';
import { buildApp } from '../src/app.js';
import { loadConfig } from '../src/config/config.js';
import { prepareWebClient } from '../src/operator/web-client.js';
import { PROJECT_FOLDER } from '../src/project-folder.js';
import { launchChromium } from '../tests/support/chromium.js';

const PASSWORD = randomUUID();
const NAMES = ['ann', 'bob', 'cleo', 'dan'] as const;
type Name = (typeof NAMES)[number];

/** Everybody of the conversation, by their names. */
type Cast = Record<Name, { id: string; client: ChatClient }>;

await main(process.argv[2] ?? join(PROJECT_FOLDER, 'docs/pictures'));

async function main(folder: string): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'chat-screenshots-'));
  const config = loadConfig({ DATA_DIR: dataDir, WEB_CLIENT: 'on', LOG_LEVEL: 'warn' }, dataDir);
  const app = await buildApp(config, { logStream: process.stderr });
  try {
    await prepareWebClient(app, config);
    const origin = await app.listen({ host: '127.0.0.1', port: 0 });
    const cast = await hire(app, origin);
    const { chatId, rootId } = await stage(app, cast);
    const browser = await launchChromium();
    try {
      await mkdir(folder, { recursive: true });
      await take(app, { browser, origin, folder, annId: cast.ann.id, chatId, rootId });
    } finally {
      await browser.close();
      for (const { client } of Object.values(cast)) client.close();
    }
  } finally {
    await app.close();
    await rm(dataDir, { recursive: true });
  }
}

async function hire(app: FastifyInstance, origin: string): Promise<Cast> {
  const { users, clients } = app.services;
  const { client: application } = await clients.create({ name: 'Stage', isPublic: true, grants: ['password'] });
  const join = async (username: Name) => {
    const { id } = await users.create({ username, password: PASSWORD, role: username === 'ann' ? 'admin' : 'user' });
    const token = async () => {
      const form = { grant_type: 'password', username, password: PASSWORD, client_id: application.id };
      const answer = await fetch(`${origin}/oauth/token/`, { method: 'POST', body: new URLSearchParams(form) });
      const { access_token: accessToken }: { access_token: string } = JSON.parse(await answer.text());
      return accessToken;
    };
    return { id, client: createChatClient({ url: origin, token, transport: webSocketTransport(WebSocket) }) };
  };
  return { ann: await join('ann'), bob: await join('bob'), cleo: await join('cleo'), dan: await join('dan') };
}

/** Makes the chats, and has everybody say what they have to say. */
async function stage(app: FastifyInstance, cast: Cast): Promise<{ chatId: string; rootId: string }> {
  const { chats, memberships } = app.services;
  const open = async (name: string) => {
    const { id } = await chats.create(name);
    for (const { id: userId } of Object.values(cast)) await memberships.add(null, id, userId);
    return id;
  };
  const others = [await open('Welcome'), await open('Design'), await open('Office')];
  const chatId = await open('Tea shop launch');
  const room = (name: Name, id = chatId) => cast[name].client.room(id);
  await room('dan', others[0]).send('Hello, everybody!');
  await room('cleo', others[1]).send('The new label is in the shared folder.');
  await room('bob', others[2]).send('@ann the printer is back.', { mentions: [cast.ann.id] });

  const first = await room('ann').send('Morning! The shop opens on Friday. What is still to do?');
  const labels = await room('bob').send('The labels. They come tomorrow, cleo has seen the proofs.');
  await room('cleo').send('They look lovely. One typo, mended already.', { replyTo: labels.id });
  const photos = await room('dan').send('I take the photos on Wednesday, when the light is good.');
  await room('ann').send('Perfect. Who is at the till on the first day?');
  await room('cleo').send('I am, with @bob.', { mentions: [cast.bob.id] });
  await memberships.setRole(null, chatId, cast.ann.id, 'owner');
  for (const name of ['bob', 'cleo', 'dan'] as const) await room(name).react(labels.id, '🎉');
  await room('ann').react(photos.id, '👍');
  await room('bob').react(photos.id, '❤️');
  await room('bob').send('How many tins fit in the window?', { thread: first.id });
  await room('dan').send('Forty, if we stack them.', { thread: first.id });
  await room('ann').send('Then forty it is.', { thread: first.id });
  await room('ann').pin(first.id);
  await room('bob').send('And I bring the cake.');
  await Promise.all(NAMES.map((name) => room(name).markRead()));
  return { chatId, rootId: first.id };
}

interface Shots {
  browser: Browser;
  origin: string;
  folder: string;
  annId: string;
  chatId: string;
  rootId: string;
}

async function take(app: FastifyInstance, { browser, origin, folder, annId, chatId, rootId }: Shots): Promise<void> {
  const open = async (look: Parameters<Browser['newContext']>[0], path: string): Promise<Page> => {
    const page = await (await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce', ...look })).newPage();
    const code = await app.services.signInCodes.create(annId);
    await page.goto(`${origin}/#code=${code}&chat=${chatId}`);
    await page.getByRole('article').filter({ hasText: 'And I bring the cake.' }).waitFor();
    await page.goto(`${origin}/#/chat/${chatId}${path}`);
    return page;
  };
  const wide = await open({ viewport: { width: 1280, height: 760 } }, `/thread/${rootId}`);
  await wide.getByText('Then forty it is.').waitFor();
  await wide.getByText('3 online').waitFor();
  await wide.mouse.move(0, 0);
  await wide.screenshot({ path: join(folder, 'conversation.png') });
  const phone = await open({ viewport: { width: 390, height: 760 }, colorScheme: 'dark' }, '');
  await phone.getByText('3 online').waitFor();
  await phone.mouse.move(0, 0);
  await phone.screenshot({ path: join(folder, 'phone.png') });
}

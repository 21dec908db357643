import type { Socket } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, launchChromium } from '../support/chromium.js';
import { startTeam } from '../support/service.js';
import { startWebSite, type WebSite } from '../support/web-site.js';

/** A page that listens, and keeps what it hears. */
const PAGE = `<!doctype html><title>A page</title><body><script>
  const heard = [];
  let source;
  let wake = () => {};
  const listen = (url) => {
    source = new EventSource(url);
    for (const type of ['hello', 'live', 'message.created', 'closing'])
      source.addEventListener(type, ({ data, lastEventId }) => {
        heard.push({ type, lastEventId, ...JSON.parse(data) });
        wake();
      });
    source.onerror = () => wake();
  };
  const until = async (isSo) => {
    while (!isSo()) await new Promise((resolve) => { wake = resolve; });
    return heard;
  };
  const seqs = () => heard.flatMap(({ type, seq }) => type === 'message.created' ? [seq] : []);
</script>`;

describe.skipIf(findChromium() === undefined)("Chromium's EventSource (skipped without a Chromium)", () => {
  let site: WebSite;
  let team: Awaited<ReturnType<typeof startTeam>>;
  let browser: Browser;
  let token: string;
  let origin: string;
  let chat: { id: string; epoch: string };
  /** The server's ends of the connections of streams. */
  const streams = new Set<Socket>();

  beforeAll(async () => {
    site = await startWebSite(PAGE);
    team = await startTeam(1, { CORS_ALLOWED_ORIGINS: site.origin('app') });
    const { server, services } = team.first.app;
    server.on('request', ({ url, socket }) => {
      if (url?.startsWith('/sse/')) streams.add(socket);
    });
    origin = `http://chat.localhost:${new URL(team.first.origin).port}`;
    chat = await services.chats.create('general');
    token = await team.signIn('admin');
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    await team.close();
    await site.close();
  });

  async function listen(search: Record<string, string>): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(site.origin('app'));
    await page.evaluate(`listen('${origin}/sse/chat/general/?${new URLSearchParams(search)}')`);
    await page.evaluate("until(() => heard.some(({ type }) => type === 'live')).then(() => true)");
    return page;
  }

  const mutate = async (mutation: string) => Object((await team.first.query(token, `mutation { ${mutation} }`)).data);
  const send = () => mutate(`sendMessage(chatId: "${chat.id}", content: "hi") { seq }`);
  const cut = () => {
    for (const connection of streams) connection.resetAndDestroy();
  };

  it('comes back by itself with Last-Event-ID, and the page misses nothing', async () => {
    const page = await listen({ token });
    const first = (await send()).sendMessage.seq;
    await page.evaluate('until(() => seqs().length === 1).then(() => true)');
    cut();
    for (let count = 0; count < 5; count += 1) await send();
    await page.evaluate("until(() => heard.filter(({ type }) => type === 'live').length === 2).then(() => true)");
    await send();
    await page.evaluate('until(() => seqs().length === 7).then(() => true)');
    expect(await page.evaluate('seqs()')).toEqual(Array.from({ length: 7 }, (_, index) => first + index));
    // It came back with what it had heard last.
    const hellos = await page.evaluate("heard.filter(({ type }) => type === 'hello')");
    expect(hellos).toMatchObject([{}, { cursor: `${chat.epoch}:${first}` }]);
    await page.close();
  });

  it('stops when its ticket is used, so that the page can open another stream', async () => {
    const { createSocketTicket: ticket } = await mutate('createSocketTicket');
    const page = await listen({ ticket });
    cut();
    await page.evaluate('until(() => source.readyState === EventSource.CLOSED).then(() => true)');
    const last = await page.evaluate('heard.at(-1).lastEventId');
    const { seq } = (await send()).sendMessage;
    const another = (await mutate('createSocketTicket')).createSocketTicket;
    const search = new URLSearchParams({ ticket: another, after: String(last) });
    await page.evaluate(`listen('${origin}/sse/chat/general/?${search}')`);
    await page.evaluate('until(() => seqs().length === 1).then(() => true)');
    expect(await page.evaluate('seqs()')).toEqual([seq]);
    await page.close();
  });
});

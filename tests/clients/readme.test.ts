import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksOf, readPage } from '../docs/pages.js';
import { type ClientTeam, startClientTeam } from './client-team.js';
import { PackedClient } from './packed-client.js';

const PAGE = 'clients/typescript/README.md';
const blocks = blocksOf(PAGE).filter(({ words: [language] }) => language === 'js' || language === 'jsx');

describe('clients/typescript/README.md', () => {
  let team: ClientTeam;
  let packed: PackedClient;

  beforeAll(async () => {
    team = await startClientTeam();
    packed = await PackedClient.install();
    await packed.add('ws');
  }, 120_000);
  afterAll(async () => {
    await packed.remove();
    await team.close();
  });

  const runnable = blocks
    .filter(({ words }) => words.join(' ') === 'js')
    .map(({ text }, index) => [index + 1, text] as const);

  it.each(runnable)('its example %i does what it says', async (_index, text) => {
    const ann = await team.newPerson('ann');
    const chat = await team.newChat(ann);
    const code = `
      const { chatId } = process.env;
      const fetchToken = async () => process.env.ACCESS;
      const fetchAdminToken = async () => process.env.ADMIN_ACCESS;
      const show = (...shown) => process.stdout.write(shown.join(' ') + '\\n');
      ${text.replaceAll('https://chat.example.com', team.first.origin)}
      show('That is all.');
      process.exit(0);`;
    const printed = await packed.run(code, {
      ...{ chatId: chat.id, ACCESS: await team.signIn(ann.username) },
      ADMIN_ACCESS: await team.signIn('admin'),
    });
    expect(printed).toContain('That is all.');
    if (text.includes('event.type')) expect(printed).toMatch(/message\.created \d+ \w+:\d+/);
    if (text.includes("'Ask an admin.'")) expect(printed).toContain('Ask an admin.');
  });

  it('its other examples are for browsers', () => {
    const others = blocks.filter(({ words }) => words.join(' ') !== 'js');
    expect(others.map(({ words }) => words.join(' '))).toEqual(['js browser', 'jsx']);
  });

  it('leads to pages that are there', () => {
    const links = [...readPage(PAGE).matchAll(/\]\((\.\.\/\.\.\/[\w./-]+)/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(5);
    for (const link of links) expect(() => readPage(`clients/typescript/${link}`)).not.toThrow();
  });
});

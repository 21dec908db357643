import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { normalizeName, usernameKey } from '../../src/domain/names.js';
import { startTeam } from '../support/service.js';
import { PASSWORD } from '../support/services.js';

const SOURCES = new URL('../../src/', import.meta.url);
/** Takes seconds to be normalised: a run of marks that want to be in another order. */
const MARKS = `a${'\u0301\u0323'.repeat(64_000)}`;

describe('a text of marks without end', () => {
  let team: Awaited<ReturnType<typeof startTeam>>;
  let token: string;
  beforeAll(async () => {
    team = await startTeam();
    token = await team.signIn('admin');
  });
  afterAll(() => team.close());

  it.each([
    ['a chat that is looked for', 'query ($text: String!) { chat(name: $text) { id } }'],
    ['a chat that is made', 'mutation ($text: String!) { createChat(name: $text) { id } }'],
    ['a user', `mutation ($text: String!) { createUser(username: $text, password: "${PASSWORD}") { id } }`],
    [
      'a password',
      'mutation ($text: String!) { changePassword(currentPassword: $text, newPassword: "new and long enough") }',
    ],
  ])('is refused at once as %s', async (_what, query) => {
    const startedAt = performance.now();
    const { data, codes } = await team.first.query(token, query, { text: MARKS });
    expect(performance.now() - startedAt).toBeLessThan(1500);
    if (codes.length > 0) expect(codes).toEqual(['BAD_USER_INPUT']);
    else expect(data).toEqual({ chat: null });
  });

  it('is left as it is, and a name in any composition is not', () => {
    expect(normalizeName(MARKS)).toBe(MARKS);
    expect(usernameKey(MARKS)).toBe(MARKS);
    const longest = 'ǘ'.repeat(150);
    expect(normalizeName(longest.normalize('NFD'))).toBe(longest);
  });
});

it('nothing is normalised but by the function that bounds it', () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.startsWith('generated'),
  );
  const found = files.filter((name) => /\.normalize\(/.test(readFileSync(new URL(name, SOURCES), 'utf8')));
  expect(found).toEqual(['domain/text.ts']);
});

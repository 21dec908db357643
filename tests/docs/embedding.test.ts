import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MAX_NARROWED_CHATS, MAX_TOKEN_SECONDS, MIN_TOKEN_SECONDS } from '../../src/domain/access/impersonation.js';
import { MAX_UPSERTED_CHATS } from '../../src/domain/chats/chat-upserts.js';
import { MAX_SET_MEMBERS } from '../../src/domain/chats/member-sets.js';
import { MAX_HOOKS } from '../../src/domain/messages/incoming-hooks.js';
import { GUEST_DAYS } from '../../src/domain/people/guests.js';
import { MAX_UPSERTED_USERS } from '../../src/domain/people/user-upserts.js';
import { schema } from '../../src/graphql/schema/schema.js';
import { codeIn, readPage, root, rowsOf } from './pages.js';

const PAGE = 'docs/embedding.md';
const page = readPage(PAGE).replaceAll('\n', ' ');

/** The row of a table whose first cell begins with this name. */
const rowOf = (name: string) => rowsOf(PAGE).find(([first = '']) => codeIn(first)[0]?.startsWith(name)) ?? [];
const argumentsOf = (mutation: string) =>
  schema
    .getMutationType()
    ?.getFields()
    [mutation]?.args.map(({ name }) => name);
const inWords = (count: number) => count.toLocaleString('en');

it.each([
  ['upsertUsers', `${MAX_UPSERTED_USERS} users`],
  ['upsertChats', `${MAX_UPSERTED_CHATS} chats`],
  ['setChatMembers', `${inWords(MAX_SET_MEMBERS)} members`],
])('docs/embedding.md has the arguments and the limit of %s', (mutation, limit) => {
  const [first = '', atMost, meaning] = rowOf(mutation);
  expect(atMost).toBe(limit);
  const named = [...codeIn(first).join().matchAll(/\w+/g)].map(([word]) => word).slice(1);
  for (const argument of argumentsOf(mutation) ?? [])
    expect(named.includes(argument) || codeIn(meaning).includes(argument), argument).toBe(true);
  for (const argument of named) expect(argumentsOf(mutation)).toContain(argument);
});

it('docs/embedding.md has the arguments of issueToken, and how long a token lives', () => {
  const given = argumentsOf('issueToken') ?? [];
  // How long it lives is in the text.
  for (const argument of given.filter((name) => name !== 'expiresIn'))
    expect(rowOf(argument), argument).not.toEqual([]);
  expect(page).toContain(`A token lives ${MIN_TOKEN_SECONDS} seconds to ${MAX_TOKEN_SECONDS / 3600} hours.`);
  expect(rowOf('chats')[1]).toContain(`at most ${MAX_NARROWED_CHATS} chats`);
  expect(rowOf('user.guest')[1]).toContain(`no token for ${GUEST_DAYS} days`);
});

it('docs/embedding.md has the limit of incoming hooks', () => {
  expect(page).toContain(`lists the hooks of a chat, at most ${MAX_HOOKS}.`);
});

it('docs/embedding.md registers the backend as the example does', () => {
  const [, flags = ''] = /with the flags `([^`]+)`/.exec(page) ?? [];
  const service = readFileSync(join(root, 'examples/embedded/service.ts'), 'utf8');
  const [, given = ''] = /const flags = \[(.*?)\]/.exec(service) ?? [];
  const words = [...given.matchAll(/'([^']*)'/g)].map(([, word]) => word).join(' ');
  expect(flags).not.toBe('');
  expect(words).toContain(flags);
});

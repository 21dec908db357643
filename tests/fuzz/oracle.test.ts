import { describe, expect, it } from 'vitest';
import { databaseNames } from './database-names.js';
import { ODD_TEXTS } from './generators/texts.js';
import { Oracle, type Rules } from './oracle.js';
import {
  checkExecution,
  graphqlRules,
  introspectionRules,
  revocationRules,
  tokenRules,
  upgradeRules,
} from './rules.js';
import { faultsInLines } from './service-log.js';
import type { HttpResponse } from './wire/http-responses.js';

const hints = { names: databaseNames(), texts: ['127.0.0.1:5433', 'the password of ann'] };
const oracle = new Oracle(hints, false);
const TOKEN = `cat_${'a'.repeat(43)}`;

function response(status: number, body: unknown, headers: Record<string, string> = {}): HttpResponse {
  const all = { 'content-type': 'application/json; charset=utf-8', ...headers };
  return {
    status,
    headers: new Map(Object.entries(all)),
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

const judge =
  (rules: Rules, answer: HttpResponse, sent = '') =>
  () =>
    oracle.response(answer, rules, sent);
const graphql = graphqlRules(oracle);
const refusal = { error: 'invalid_request', error_description: 'No.' };

describe('the oracle', () => {
  it.each([
    ['a refusal by the token endpoint', tokenRules, response(400, refusal)],
    ['a revocation', revocationRules, response(200, '')],
    ['an inactive token', introspectionRules, response(200, { active: false })],
    [
      'data',
      graphql,
      response(200, { data: { me: null }, errors: [{ message: 'No.', extensions: { code: 'FORBIDDEN' } }] }),
    ],
    ['an unknown chat', upgradeRules, response(404, { error: 'not_found', message: 'There is nothing here.' })],
  ])('lets %s pass', (_what, rules, answer) => {
    expect(judge(rules, answer)).not.toThrow();
  });

  it.each([
    [
      'a fault of ours',
      tokenRules,
      response(500, { error: 'server_error', error_description: 'Internal error.' }),
      '500',
    ],
    ['a database that is away', graphql, response(503, { errors: [] }), '503'],
    ['a status of nobody', revocationRules, response(418, ''), '418'],
    ['401 without a challenge', tokenRules, response(401, { ...refusal, error: 'invalid_client' }), 'WWW-Authenticate'],
    ['an error of no RFC', tokenRules, response(400, { ...refusal, error: 'oops' }), 'oops'],
    ['a member too many', tokenRules, response(400, { ...refusal, code: 'FST_ERR' }), '"code"'],
    ['a token that may be cached', tokenRules, response(200, { access_token: TOKEN }), 'no-store'],
    ['a described revocation', revocationRules, response(200, '{}'), 'with a body'],
    [
      'an inactive token that is described',
      introspectionRules,
      response(200, { active: false, sub: 'ann' }),
      'described',
    ],
    ['a page in place of JSON', graphql, response(200, '<html>', { 'content-type': 'text/html' }), 'Not JSON'],
    ['broken JSON', graphql, response(200, '{"data":'), 'No JSON'],
    ['a result of nothing', graphql, response(200, {}), 'without data'],
    [
      'an internal error among data',
      graphql,
      response(200, { data: {}, errors: [{ message: 'Oh.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }] }),
      'INTERNAL_SERVER_ERROR',
    ],
    ['an error without a code', graphql, response(200, { errors: [{ message: 'Oh.' }] }), 'undefined'],
  ])('finds %s', (_what, rules, answer, found) => {
    expect(judge(rules, answer)).toThrow(found);
  });

  it.each([
    ['a stack', 'Error: no\n    at Object.run (somewhere)'],
    ['a file', 'in /app/dist/server.js'],
    ['a TypeError', 'TypeError: x is undefined'],
    ['a text of V8', "Cannot read properties of undefined (reading 'id')"],
    ['SQL', 'SELECT id FROM users'],
    ['a text of PostgreSQL', 'duplicate key value violates unique constraint'],
    ['an SQLSTATE', 'code 22P02'],
    ['a column', 'the column password_hash'],
    ['a table', 'token_families'],
    ['Prisma', 'PrismaClientKnownRequestError'],
    ["a code of Prisma's", 'P2002'],
    ['an address', 'connect to 127.0.0.1:5433'],
    ['an error of the system', 'connect ECONNREFUSED'],
    ['a password', 'it was "the password of ann"'],
    ['a hash', '$argon2id$v=19$m=19456'],
    ["somebody's token", `try ${TOKEN}`],
  ])('finds %s in any text', (_what, text) => {
    expect(() => oracle.text(text, '')).toThrow();
    expect(() => oracle.text(JSON.stringify({ message: text }), '')).toThrow();
  });

  it('lets a token be said back to who sent it', () => {
    expect(() => oracle.text(`No user has ${TOKEN}.`, `a request with ${TOKEN}`)).not.toThrow();
  });

  it('takes no odd text of an input for a leak', () => {
    for (const text of ODD_TEXTS) expect(() => oracle.text(JSON.stringify(text), '')).not.toThrow();
  });

  it('lets a service with limits refuse what is too much, if it says when to come back', () => {
    const limited = new Oracle(hints, true);
    const tooMany = { error: 'rate_limited', message: 'Too many requests.' };
    expect(() => limited.response(response(429, tooMany, { 'retry-after': '1' }), upgradeRules, '')).not.toThrow();
    expect(() => limited.response(response(429, tooMany), upgradeRules, '')).toThrow('429');
    expect(judge(upgradeRules, response(429, tooMany, { 'retry-after': '1' }))).toThrow('429');
    expect(() => limited.closeCode(4429, [1000])).not.toThrow();
    expect(() => limited.closeCode(1011, [1000])).toThrow('1011');
    expect(() => oracle.closeCode(4429, [1000])).toThrow('4429');
  });

  it('finds a member of a result that GraphQL does not know', () => {
    expect(() => checkExecution({ data: {}, stack: [] }, oracle)).toThrow('stack');
  });
});

describe('the log', () => {
  const entry = (level: number, msg: string) => JSON.stringify({ level, time: 1, msg });

  it('may tell of what will be tried again', () => {
    expect(faultsInLines([entry(30, 'listening'), entry(40, 'could not answer for now'), ''], [])).toEqual([]);
  });

  it.each([
    ['an error', entry(50, 'request failed'), 'the log has an error'],
    ['what is no entry', 'Error: boom', 'no entry'],
    ['a rejection that nobody handled', entry(40, 'unhandledRejection'), 'nobody caught'],
    ['a token', entry(30, TOKEN), 'a secret'],
    ['a password', entry(30, 'the password of ann'), 'a secret'],
  ])('may not have %s', (_what, line, fault) => {
    expect(faultsInLines([line], ['the password of ann'])[0]).toContain(fault);
  });
});

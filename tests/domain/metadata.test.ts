import { expect, it } from 'vitest';
import { MAX_METADATA_BYTES } from '../../src/domain/log/chat-message.js';
import { checkMetadata } from '../../src/domain/metadata.js';

const nested = (levels: number): object => (levels === 1 ? {} : { a: nested(levels - 1) });
/** An object of so many bytes as JSON. */
const ofBytes = (bytes: number) => ({ a: 'x'.repeat(bytes - '{"a":""}'.length) });

it.each([
  ['an empty object', {}],
  ['all kinds of values', { text: 'é🎈', number: -1.5, yes: true, nothing: null, list: [1, [2, { three: 3 }]] }],
  ['five levels', nested(5)],
  ['the most bytes', ofBytes(MAX_METADATA_BYTES)],
  ['a key that JavaScript treats specially', JSON.parse('{"__proto__": {"a": 1}}')],
  ['small and large numbers', { small: 1e-9, large: 1e300 }],
])('takes %s', (_what, value) => {
  expect(checkMetadata(value, MAX_METADATA_BYTES)).toBe(value);
});

it.each([
  ['null', null, 'must be a JSON object.'],
  ['a text', 'text', 'must be a JSON object.'],
  ['a list', [{}], 'must be a JSON object.'],
  ['six levels', nested(6), 'must have at most 5 levels of objects and lists.'],
  ['six levels of lists', { a: [[[[[]]]]] }, 'must have at most 5 levels of objects and lists.'],
  ['5,000 levels', nested(5000), 'must have at most 5 levels of objects and lists.'],
  ['a byte too many', ofBytes(MAX_METADATA_BYTES + 1), /^must have at most 4096 bytes/],
  ['characters of several bytes', { a: 'é'.repeat(2100) }, /^must have at most 4096 bytes/],
  ['numbers that PostgreSQL writes in many digits', { a: Array(20).fill(1e300) }, /^must have at most 4096 bytes/],
  ['small numbers likewise', { a: Array(20).fill(1e-300) }, /^must have at most 4096 bytes/],
  ['U+0000 in a text', { a: [{ b: 'x\0' }] }, 'must not contain U+0000.'],
  ['U+0000 in a key', { a: { 'x\0': 1 } }, 'must not contain U+0000.'],
  ['a lone surrogate in a text', { a: '\ud800' }, 'must be well-formed Unicode: it has a lone surrogate.'],
  ['a lone surrogate in a key', { '\udc00': 1 }, 'must be well-formed Unicode: it has a lone surrogate.'],
  ['a number beyond all', JSON.parse('{"a": 1e999}'), /^must have numbers of at most/],
])('refuses %s', (_what, value, rule) => {
  const message =
    typeof rule === 'string' ? `metadata ${rule}` : expect.stringMatching(rule.source.replace('^', '^metadata '));
  expect(() => checkMetadata(value, MAX_METADATA_BYTES)).toThrow(
    expect.objectContaining({ code: 'BAD_USER_INPUT', field: 'metadata', message }),
  );
});

import { expect, it } from 'vitest';
import { checkMentions } from '../../../src/domain/messages/mentions.js';

const ids = (count: number) => Array.from({ length: count }, () => crypto.randomUUID());

it('gives each id once, in lower case and in the order given', () => {
  const [one = '', two = ''] = ids(2);
  expect(checkMentions([two.toUpperCase(), one, two])).toEqual([two, one]);
  expect(checkMentions([])).toEqual([]);
});

it('takes 50 users, and refuses more', () => {
  const most = ids(50);
  expect(checkMentions([...most, ...most])).toEqual(most);
  expect(() => checkMentions([...most, ...ids(1)])).toThrow(
    expect.objectContaining({ code: 'BAD_USER_INPUT', field: 'mentions' }),
  );
});

it('refuses an id that no user can have', () => {
  expect(() => checkMentions(['ann'])).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT', field: 'mentions' }));
});

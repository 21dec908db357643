import { describe, expect, it } from 'vitest';
import { canonicalEmoji } from '../../../src/domain/messages/emoji.js';

describe('an emoji', () => {
  it.each([
    ['👍', '👍'],
    ['👍\ufe0f', '👍'],
    ['❤', '❤\ufe0f'],
    ['❤\ufe0f', '❤\ufe0f'],
    ['1\u20e3', '1\ufe0f\u20e3'],
    ['✌🏽', '✌🏽'],
    ['✌\ufe0f🏽', '✌🏽'],
    ['🏳\u200d🌈', '🏳\ufe0f\u200d🌈'],
    ['👩🏻\u200d❤\u200d💋\u200d👨🏿', '👩🏻\u200d❤\ufe0f\u200d💋\u200d👨🏿'],
    ['🇫🇷', '🇫🇷'],
    [':party_parrot:', ':party_parrot:'],
    [':+1:', ':+1:'],
  ])('has one spelling: %s', (given, expected) => {
    expect(canonicalEmoji(given)).toBe(expected);
  });

  it.each([
    ...['', 'a', '1', '👍👍', '👍a', '🇫', '❤\ufe0e', '👍\u200d👍', '::', ':Party:', ':a b:', `:${'a'.repeat(33)}:`],
    ...['👍'.repeat(10_000), '\u200d', '\ufe0f', '\ud83d', '\0'],
  ])('is not %j', (given) => {
    expect(() => canonicalEmoji(given)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT', field: 'emoji' }));
  });
});

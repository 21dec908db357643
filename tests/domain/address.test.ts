import { describe, expect, it } from 'vitest';
import { canonicalAddress, networksOf } from '../../src/domain/address.js';

describe('an address', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:40001', '203.0.113.7'],
    ['"203.0.113.7:40001"', '203.0.113.7'],
    [' 203.0.113.7 ', '203.0.113.7'],
    ['203.000.113.007', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['[::FFFF:203.0.113.7]:443', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['0:0:0:0:0:ffff:cb00:7107', '203.0.113.7'],
    ['[203.0.113.7]:80', '203.0.113.7'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['"[2001:db8::1]:40001"', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]:1', 'fe80::1'],
    ['::', '::'],
  ])('written %s is %s', (written, canonical) => {
    expect(canonicalAddress(written)).toBe(canonical);
  });

  it.each(['', 'unknown', '_hidden', '256.0.0.1', '1.2.3', '[]', '1.2.3.4:x', '::1::2', 'a'.repeat(10_000), '[::1]x'])(
    'is not %s',
    (text) => {
      expect(canonicalAddress(text)).toBeUndefined();
      expect(networksOf(text)).toEqual([]);
    },
  );

  it('is in networks of several widths', () => {
    expect(networksOf('203.0.113.7:1').map(({ name }) => name)).toEqual(['203.0.113.7', '203.0.113.0/24']);
    expect(networksOf('2001:db8:a:bcde::1').map(({ name }) => name)).toEqual([
      '2001:db8:a:bcde::/64',
      '2001:db8:a:bc00::/56',
      '2001:db8:a:0::/48',
    ]);
  });
});

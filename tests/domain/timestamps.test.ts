import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isoTimestamp } from '../../src/domain/timestamps.js';
import { assertProperty } from '../support/property.js';

it.each([
  ['2026-11-05 09:30:00+00', '2026-11-05T09:30:00.000Z'],
  ['2026-11-05 09:30:00.1+00', '2026-11-05T09:30:00.100Z'],
  ['2026-11-05 09:30:00.12+00', '2026-11-05T09:30:00.120Z'],
  ['2026-11-05 09:30:00.123+00', '2026-11-05T09:30:00.123Z'],
  ['2026-11-05 09:30:00.123456+00', '2026-11-05T09:30:00.123Z'],
  ['2026-11-05 11:30:00.5+02', '2026-11-05T09:30:00.500Z'],
  ['2026-11-05 15:00:00+05:30', '2026-11-05T09:30:00.000Z'],
  ['10026-11-05 09:30:00+00', '+010026-11-05T09:30:00.000Z'],
  ['0044-03-15 12:00:00+00 BC', '-000043-03-15T12:00:00.000Z'],
])('%s is %s', (text, iso) => {
  expect(isoTimestamp(text)).toBe(iso);
});

it('is what Date makes of it, for any moment of four-digit years', { retry: 0 }, async () => {
  const moments = fc.date({
    min: new Date('1000-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  });
  await assertProperty(
    fc.property(moments, (moment) => {
      const iso = moment.toISOString();
      // PostgreSQL leaves out the zeros that a fraction ends with, and the point when nothing is left.
      const fraction = iso.slice(19, 23).replace(/\.?0+$/, '');
      expect(isoTimestamp(`${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction}+00`)).toBe(iso);
    }),
  );
});

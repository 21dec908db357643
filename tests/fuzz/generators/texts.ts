import fc from 'fast-check';

/** What programs have stumbled over. Nothing in it looks like an inner part of the service: an answer may say it back. */
export const ODD_TEXTS: readonly string[] = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\n',
  '\r\nX-Injected: 1',
  '\u001b[2J',
  '\u007f',
  '\u2028\u2029',
  '\u202ebidi\u2066',
  '\u200b',
  '\ufeff',
  '\ud800',
  'a\udfffb',
  '\uffff',
  'e\u0301\u0301\u0301',
  '👩‍👩‍👧‍👦',
  '𝒳'.repeat(101),
  'İıſß',
  "' OR 1=1 --",
  '"; --',
  '\\',
  '%00',
  '%',
  '%zz',
  '%c0%af',
  '../../etc',
  '#{7*7}',
  '{{7*7}}',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  'NaN',
  'true',
  '-0',
  '1e400',
  '0x10',
  '<script>alert(1)</script>',
  'x'.repeat(129),
  'x'.repeat(4001),
  '\u00e9'.repeat(300),
];

export const oddText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...ODD_TEXTS),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 10 }).map((units) => String.fromCharCode(...units)),
  fc
    .tuple(fc.constantFrom('x', ' ', '\ud83d\ude00', '\0', '[', '{"a":', '('), fc.integer({ min: 1, max: 20_000 }))
    .map(([text, times]) => text.repeat(Math.min(times, 40_000 / text.length))),
);

type Edit = { at: number; kind: 'delete' | 'insert' | 'repeat' | 'cut'; length: number; text: string };

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  kind: fc.constantFrom('delete' as const, 'insert' as const, 'repeat' as const, 'cut' as const),
  length: fc.integer({ min: 1, max: 8 }),
  text: fc.oneof(fc.constantFrom('"', '{', '}', '(', ':', ',', '\r\n', '\0', '&', '=', '%', '$', '@'), oddText),
});

/** A text with a few places of it changed: what almost makes sense gets further than noise. */
export function edited(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(text, fc.array(edit, { minLength: 1, maxLength: 3 }))
    .map(([before, edits]) => edits.reduce(apply, before));
}

function apply(text: string, { at, kind, length, text: inserted }: Edit): string {
  const start = Math.floor(at * text.length);
  const end = start + length;
  switch (kind) {
    case 'delete':
      return text.slice(0, start) + text.slice(end);
    case 'insert':
      return text.slice(0, start) + inserted + text.slice(start);
    case 'repeat':
      return text.slice(0, end) + text.slice(start, end).repeat(length) + text.slice(end);
    case 'cut':
      return text.slice(0, start);
  }
}

/** Mostly as it is, sometimes edited. */
export function mostly(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof({ arbitrary: text, weight: 4 }, { arbitrary: edited(text), weight: 1 });
}

/** JSON, of any form and depth. */
export const oddJson: fc.Arbitrary<string> = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.constantFrom(
    '',
    'nul',
    '1e999',
    '-',
    '[1,]',
    '{"a":1,"a":2}',
    '{"__proto__":{"x":1}}',
    '{"constructor":{"prototype":1}}',
  ),
  fc
    .tuple(fc.constantFrom('[', '{"a":', '[{"a":'), fc.integer({ min: 1, max: 20_000 }))
    .map(([open, depth]) => open.repeat(depth)),
  fc.integer({ min: 1, max: 10_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  oddText.map((text) => JSON.stringify(text)),
);

/** Any JSON value. */
export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, false, 0, -1, 1.5, 2 ** 31, 1e21, '', [], {}, [[]], { a: null }),
  oddText,
  fc.jsonValue({ maxDepth: 2 }),
);

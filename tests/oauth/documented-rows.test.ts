import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/oauth.md'), 'utf8');

/** A row of the page's table: `| 6749 §5.1 | MUST | what we do | `oauth/token-endpoint`: “title” |`. */
const ROW = /^\| (\d{4}) §[\w., §]+ \| ([A-Z, ]+) \| (.+) \| (.+) \|$/gm;
const TEST = /`([\w/-]+)`: “([^”]+)”/g;
const LEVELS = ['MUST', 'MUST NOT', 'REQUIRED', 'SHOULD', 'SHOULD NOT', 'RECOMMENDED', 'MAY'];

const rows = [...page.matchAll(ROW)].map(([row, rfc = '', levels = '', , tests = '']) => ({
  row,
  rfc,
  levels: levels.split(', '),
  tests: [...tests.matchAll(TEST)].map(([, file = '', title = '']) => ({ file, title })),
}));

describe('The table of docs/oauth.md', () => {
  it('has rows of every norm', () => {
    expect(new Set(rows.map(({ rfc }) => rfc))).toEqual(
      new Set(['6749', '6750', '7009', '7662', '7636', '8414', '8693', '9068', '9207', '9700']),
    );
    const lines = page.slice(page.indexOf('| norm | level |')).split('\n');
    // The head of the table has two lines of its own.
    expect(rows).toHaveLength(lines.filter((line) => line.startsWith('|')).length - 2);
  });

  it.each(rows)('$row', ({ levels, tests }) => {
    for (const level of levels) expect(LEVELS).toContain(level);
    expect(tests.length).toBeGreaterThan(0);
    for (const { file, title } of tests) expect(titlesOf(file), file).toContain(title);
  });
});

const known = new Map<string, string[]>();

/** The titles of a file's tests as its source has them. */
function titlesOf(file: string): string[] {
  const titles = known.get(file) ?? readTitles(join(root, 'tests', `${file}.test.ts`));
  known.set(file, titles);
  return titles;
}

/** A title is the first argument of `it`, or of what `it.each` gives. */
function readTitles(path: string): string[] {
  if (!existsSync(path)) return [];
  const calls = readFileSync(path, 'utf8').matchAll(/(?:\bit|\))\(\s*(['"])((?:(?!\1).)+)\1,/g);
  return [...calls].map(([, , title = '']) => title);
}

import { describe, expect, it } from 'vitest';
import { codeIn, readPage, rowsOf } from './pages.js';

/** A model or enum of the schema, with the comment above it. */
interface Declared {
  kind: string;
  name: string;
  /** The table's name in the database. */
  map: string;
  comment: string;
}

const DECLARATION = /((?:^\/\/\/[^\n]*\n)*)^(model|enum) (\w+) \{\n([\s\S]*?)^\}/gm;

const declared: Declared[] = [...readPage('prisma/schema.prisma').matchAll(DECLARATION)].map(
  ([, comment = '', kind = '', name = '', body = '']) => ({
    kind,
    name,
    map: /@@map\("(\w+)"\)/.exec(body)?.[1] ?? '',
    comment: comment
      .trim()
      .split('\n')
      .map((line) => line.replace(/^\/\/\/ ?/, ''))
      .join(' '),
  }),
);

describe('prisma/schema.prisma', () => {
  it.each(declared)('says what $kind $name is, in sentences', ({ comment }) => {
    expect(comment).toMatch(/^[^a-z].{10,}\.$/);
  });
});

describe('docs/data.md', () => {
  const rows = rowsOf('docs/data.md').filter(([model = '']) => model.startsWith('`'));

  it('has every model once, and says of it what the schema says', () => {
    const documented = rows.map(([model, table, what]) => [codeIn(model)[0], codeIn(table)[0], what]);
    const models = declared.filter(({ kind }) => kind === 'model');
    expect(models.length).toBeGreaterThan(25);
    expect(documented.sort()).toEqual(models.map(({ name, map, comment }) => [name, map, comment]).sort());
  });
});

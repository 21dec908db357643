import { expect, it } from 'vitest';
import { CONTENTS, chapters, endOf, hasEnd } from '../../scripts/book.js';
import { PAGES, readPage } from './pages.js';

it(`${CONTENTS} has every page once, and names it as the page does`, () => {
  const paths = chapters().map(({ path }) => path);
  expect(paths.sort()).toEqual(PAGES.filter((page) => page !== CONTENTS).sort());
  for (const { path, title } of chapters()) expect(readPage(path).split('\n', 1)).toEqual([`# ${title}`]);
});

it(`${CONTENTS} has the parts in the order in which they are read`, () => {
  const parts = [...readPage(CONTENTS).matchAll(/^## (.+)$/gm)].map(([, title]) => title);
  expect(parts).toEqual(['Start', 'Embed', 'Interfaces', 'Delivery', 'Operate', 'Contribute']);
});

it.each(chapters().filter(hasEnd))(
  '$path ends with what its reader can do then, and with what comes next',
  (chapter) => {
    const text = readPage(chapter.path);
    expect(text.split('\n---\n\nNow you can ')).toHaveLength(2);
    expect(text.endsWith(`\n\n${endOf(chapter)}`)).toBe(true);
  },
);

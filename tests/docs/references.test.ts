import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PAGES, readPage, root } from './pages.js';

/** `[text](target)`, but for targets with a scheme. */
const LINK = /\]\((?![a-z]+:)([^)#]*)(?:#([^)]+))?\)/g;
/** A path of the code in backticks, but that of a file which an example makes. */
const CODE_PATH = /(?<!new file,\s)`((?:[\w-]+\/)+(?:[\w.-]+\.(?:ts|sql|mjs))?)`/g;

describe.each(PAGES)('%s', (page) => {
  it('links to what is there', () => {
    for (const [link, path = '', anchor] of readPage(page).matchAll(LINK)) {
      const target = path === '' ? page : join(dirname(page), path);
      expect(existsSync(join(root, target)), link).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(target), link).toContain(anchor);
    }
  });

  it('names files that are there', () => {
    for (const [, path = ''] of readPage(page).matchAll(CODE_PATH)) {
      const places = ['', 'src', 'tests', dirname(page)].map((folder) => join(root, folder, path));
      expect(
        places.some((place) => existsSync(place)),
        path,
      ).toBe(true);
    }
  });
});

/** As GitHub makes them from headings. */
function anchorsOf(page: string): string[] {
  return [...readPage(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

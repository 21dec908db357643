import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { codeIn, readPage, root } from './pages.js';

const PAGE = 'docs/operating.md';

/** The first cells of the table below a heading. */
function firstCells(heading: string): string[] {
  const [, section = ''] = readPage(PAGE).split(`${heading}\n`);
  const [table = ''] = section.split(/^#/m);
  return [...table.matchAll(/^\|([^|]*)\|/gm)].map(([, cell = '']) => cell);
}

/** A source's text, with the strings that it joins by `+` in one piece. */
function textOf(path: string): string {
  return readFileSync(path, 'utf8').replaceAll(/['`] \+\s+['`]/g, '');
}

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.startsWith('generated'))
  .map((name) => textOf(join(root, 'src', name)))
  .join('\n');

it.each(['## Logs', '### A start that fails'])(
  'every message in the table below “%s” is one of the service’s',
  (heading) => {
    const messages = firstCells(heading).flatMap((cell) => codeIn(cell));
    expect(messages.length).toBeGreaterThan(8);
    for (const message of messages) expect(sources.includes(message), message).toBe(true);
  },
);

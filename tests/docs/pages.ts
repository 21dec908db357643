import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

/** What people read of the project. */
export const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'tests/faults/README.md',
  'tests/fuzz/README.md',
  'clients/typescript/README.md',
]
  .concat(readdirSync(join(root, 'docs')).map((name) => `docs/${name}`))
  .filter((page) => page.endsWith('.md'));

/** A fenced block of a Markdown page. */
export interface Block {
  /** The words after the fence: the language first. */
  readonly words: readonly string[];
  readonly text: string;
}

export function readPage(page: string): string {
  return readFileSync(join(root, page), 'utf8');
}

/** The fenced blocks of a page, in their order. */
export function blocksOf(page: string): Block[] {
  const fences = readPage(page).matchAll(/^```(\S[^\n]*)\n([\s\S]*?)^```$/gm);
  return [...fences].map(([, words = '', text = '']) => ({ words: words.split(' '), text }));
}

/** The rows of every table of a page, as the texts of their cells. The head of a table is a row, its rule is not. */
export function rowsOf(page: string): string[][] {
  const lines = readPage(page).matchAll(/^\|(.*)\|$/gm);
  return [...lines]
    .map(([, line = '']) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()))
    .filter((cells) => !cells.every((cell) => /^:?-+:?$/.test(cell)));
}

/** What stands between backticks. */
export function codeIn(text = ''): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

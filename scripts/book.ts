// Writes the end of each page of docs/: what its reader can do then, and what comes before and after it in docs/README.md. A test fails
// when one differs: tests/docs/book.test.ts.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The order of the book. */
export const CONTENTS = 'docs/README.md';

/** A page of the book. */
export interface Chapter {
  readonly path: string;
  readonly title: string;
  /** What who has read it can do. */
  readonly enables: string;
}

/** The chapters in their order. */
export function chapters(): Chapter[] {
  const rows = readFileSync(join(root, CONTENTS), 'utf8').matchAll(/^\| \[([^\]]+)\]\(([^)]+)\) \| (.+) \|$/gm);
  return [...rows].map(([, title = '', link = '', enables = '']) => ({ path: join('docs', link), title, enables }));
}

/** Whether a chapter ends with what comes next. Those elsewhere have readers who did not come by the book. */
export function hasEnd({ path }: Chapter): boolean {
  return path.startsWith('docs/');
}

/** The end of a chapter, from the rule above it on. */
export function endOf(chapter: Chapter): string {
  const all = chapters();
  const place = all.findIndex(({ path }) => path === chapter.path);
  const [before, after] = [all[place - 1], all[place + 1]];
  const link = (text: string, to: string) => `[${text}](${relative(dirname(chapter.path), to)})`;
  const links = [
    before && `Before: ${link(before.title, before.path)}`,
    link('Contents', CONTENTS),
    after && `Next: ${link(after.title, after.path)}`,
  ];
  return `---\n\nNow you can ${chapter.enables}.\n\n${links.filter(Boolean).join(' · ')}\n`;
}

/** A chapter's text with its end, in place of the one that it may have. */
export function withEnd(path: string, text: string): string {
  const chapter = chapters().find((each) => each.path === path);
  if (!chapter) throw new Error(`${CONTENTS} does not have ${path}.`);
  return `${text.replace(/\n---\n\nNow you can [\s\S]*$/, '\n').trimEnd()}\n\n${endOf(chapter)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const { path } of chapters().filter(hasEnd)) {
    const file = join(root, path);
    writeFileSync(file, withEnd(path, readFileSync(file, 'utf8')));
  }

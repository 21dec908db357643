import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

/** Packages with install scripts, and why they ask nobody but npm's registry where npm runs them. */
const ASKS_NOBODY: Record<string, string> = {
  '@prisma/engines': 'downloads engines by @prisma/fetch-engine, in whose place scripts/no-engines is',
  esbuild: 'replaces its JavaScript launcher, to start faster; the program is in a package of its own',
  prisma: 'checks the version of Node.js, as `engines` does',
};

const { allowScripts }: { allowScripts: Record<string, boolean> } = JSON.parse(read('package.json'));
const { packages }: { packages: Record<string, { hasInstallScript?: boolean; link?: boolean }> } = JSON.parse(
  read('package-lock.json'),
);
const nameOf = (path: string) => path.replace(/^.*node_modules\//, '');

it('every package with an install script is known to ask nobody else', () => {
  const withScript = Object.keys(packages).filter((path) => packages[path]?.hasInstallScript);
  expect(withScript.map(nameOf).filter((name) => !(name in ASKS_NOBODY))).toEqual([]);
});

it('npm runs none of them if it knows allowScripts, and asks nobody to decide', () => {
  expect(allowScripts).toEqual(Object.fromEntries(Object.keys(ASKS_NOBODY).map((name) => [name, false])));
});

it('what would download engines is not installed', () => {
  const paths = Object.keys(packages).filter((path) => nameOf(path) === '@prisma/fetch-engine');
  expect(paths.map((path) => packages[path])).toEqual([{ resolved: 'scripts/no-engines', link: true }]);
});

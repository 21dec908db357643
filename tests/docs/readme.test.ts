import { expect, it } from 'vitest';
import { readPage } from './pages.js';

it('README.md is for the newcomer: it has fewer than 150 lines', () => {
  expect(readPage('README.md').trimEnd().split('\n').length).toBeLessThan(150);
});

it('README.md says of every package that the service needs what it is for', () => {
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(readPage('package.json'));
  const readme = readPage('README.md');
  const missing = Object.keys(dependencies).filter(
    (name) => !readme.includes(name) && !readme.includes(name.split('/')[1] ?? name),
  );
  expect(missing).toEqual([]);
});

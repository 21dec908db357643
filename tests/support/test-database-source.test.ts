import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { expect, it } from 'vitest';

it('on what the tests run is asked in two files only, so that whatever depends on it imports one of them', () => {
  const asking = /inject\('testDatabaseSource'\)|process\.env\.TEST_(DATABASE|REDIS)_URL/;
  const files = ts.sys.readDirectory('tests', ['.ts']).filter((path) => asking.test(readFileSync(path, 'utf8')));
  expect(files.sort()).toEqual(['tests/support/redis.ts', 'tests/support/test-database-source.ts']);
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.js';
import { variableSchemas } from '../../src/config/variables.js';
import { blocksOf, codeIn, PAGES, rowsOf } from './pages.js';

/** The unit that a name ends with. */
const UNITS: Record<string, string> = { SECONDS: 's', BYTES: 'bytes', MS: 'ms' };

const rows = rowsOf('docs/configuration.md').filter(([variable = '']) => variable.startsWith('`'));

describe('docs/configuration.md', () => {
  it('has every variable once, and none that there is not', () => {
    expect(rows.map(([variable]) => codeIn(variable)).sort()).toEqual(
      Object.keys(variableSchemas)
        .map((name) => [name])
        .sort(),
    );
  });

  it.each(Object.entries(variableSchemas))('says the default, unit and rule of %s', (name, schema) => {
    const [, fallback, unit, rule, meaning] = rows.find(([variable]) => variable === `\`${name}\``) ?? [];
    if ('default' in schema) expect(fallback).toBe(`\`${schema.default}\``);
    else expect(fallback).not.toBe('');
    expect(rule).toBe(schema.description);
    const ending = name.slice(name.lastIndexOf('_') + 1);
    if (ending in UNITS) expect(unit).toBe(UNITS[ending]);
    expect(meaning).toMatch(/^[^a-z].*\.$/);
  });
});

describe('the settings that a page shows', () => {
  const shown = PAGES.flatMap((page) =>
    blocksOf(page)
      .filter(({ words }) => words[0] === 'ini')
      .map(({ text }) => [page, text] as const),
  );

  it.each(shown)('are taken as they stand: %s, %s', (_page, text) => {
    const folder = mkdtempSync(join(tmpdir(), 'chat-settings-'));
    try {
      // What has a place for the reader's own values.
      writeFileSync(join(folder, '.env'), text.replaceAll('…', 'x'));
      expect(() => loadConfig({}, folder)).not.toThrow();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

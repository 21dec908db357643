import { describe, expect, it } from 'vitest';
import { variableSchemas } from '../../src/config/variables.js';
import { codeIn, rowsOf } from './pages.js';

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

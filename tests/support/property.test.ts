import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { assertProperty } from './property.js';
import { chooseSeed } from './seed.js';

/** What makes something random, and who may: the seed itself, what is no input, and runs that are given their seed. */
const RANDOM = /\bfc\.(assert|check|sample)\(|\bMath\.random\(|\brandomInt\(/;
const MAY = [
  ...['support/seed.ts', 'support/property.ts', 'support/property.test.ts'],
  ...['support/free-port.ts', 'support/postgres-template.ts'],
  ...['fuzz/campaign.ts', 'fuzz/wire.test.ts'],
];

const below1000 = fc.property(fc.nat(1_000_000), (number) => number < 1000);

afterEach(() => vi.unstubAllEnvs());

describe('a property that does not hold', () => {
  it('says with which command the same inputs come again', async () => {
    vi.stubEnv('TEST_SEED', '42');
    await expect(assertProperty(below1000)).rejects.toThrow(
      'The same inputs again: TEST_SEED=42 npx vitest run tests/support/property.test.ts',
    );
  });

  it('names a seed of its own in every run, which makes the same inputs', async () => {
    const failure = async () => String(await assertProperty(below1000).catch((error: unknown) => error));
    const first = await failure();
    const seed = /TEST_SEED=(\d+) /.exec(first)?.[1] ?? '';
    vi.stubEnv('TEST_SEED', seed);
    expect(await failure()).toBe(first);
    expect(chooseSeed({})).not.toBe(chooseSeed({}));
  });

  it('is not looked for with a TEST_SEED that is no number', () => {
    expect(() => chooseSeed({ TEST_SEED: 'x' })).toThrow('TEST_SEED must be a whole number above 0, not "x".');
  });
});

it('is how every test with random inputs is run', async () => {
  const folder = join(import.meta.dirname, '..');
  const files = (await readdir(folder, { recursive: true })).filter((name) => /\.m?ts$/.test(name));
  const random = await Promise.all(
    files.map(async (name) => (RANDOM.test(await readFile(join(folder, name), 'utf8')) ? [name] : [])),
  );
  expect(random.flat().filter((name) => !MAY.includes(name))).toEqual([]);
});

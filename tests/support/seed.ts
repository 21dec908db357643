import { randomInt } from 'node:crypto';

/**
 * What the random inputs of a run begin with: `TEST_SEED`, or another number in every run.
 * @throws Error with a plain sentence for a `TEST_SEED` that is no whole number above 0
 */
export function chooseSeed({ TEST_SEED }: NodeJS.ProcessEnv = process.env): number {
  return TEST_SEED ? parseSeed('TEST_SEED', TEST_SEED) : randomInt(1, 1_000_000_000);
}

/** @throws Error that names what was set. */
export function parseSeed(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`${name} must be a whole number above 0, not "${text}".`);
  return Number(text);
}

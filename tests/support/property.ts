import { relative } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import { chooseSeed } from './seed.js';

/**
 * As `fc.assert`, and all tests with random inputs go through it: the inputs begin with the run's seed, and a failure says with which
 * command they come again.
 * @throws Error with the smallest input that fails
 */
export async function assertProperty<Input>(
  property: fc.IRawProperty<Input>,
  parameters: fc.Parameters<Input> = {},
): Promise<void> {
  const details = await fc.check(property, { seed: chooseSeed(), ...parameters });
  if (!details.failed) return;
  const file = relative(process.cwd(), expect.getState().testPath ?? '');
  throw new Error(
    `${fc.defaultReportMessage(details)}\n\nThe same inputs again: TEST_SEED=${details.seed} npx vitest run ${file}`,
    { cause: details.errorInstance },
  );
}

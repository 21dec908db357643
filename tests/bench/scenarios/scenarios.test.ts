import { expect, test } from 'vitest';
import { limitSchemas } from '../../../src/config/limits.js';
import { targets } from '../targets/targets.js';
import { scenarios } from './scenarios.js';

test('The service is measured with its limits: a scenario only raises numbers', () => {
  expect(Object.keys(targets.service.environment).filter((name) => name.startsWith('LIMIT_'))).toEqual([]);
  for (const { raisedLimits = {} } of scenarios)
    for (const [name, number] of Object.entries(raisedLimits)) {
      const schema = Object.entries(limitSchemas).find(([variable]) => variable === name)?.[1];
      expect(number, name).toBeGreaterThan(Number(schema?.default));
    }
});

test('Every scenario measures the target that its ratios are to', () => {
  for (const { base, targets: measured } of scenarios) expect(measured).toContain(base);
});

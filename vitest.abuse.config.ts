import config from './vitest.config.js';

/** Attacks at full strength. They measure what others notice, so nothing runs beside them. */
export default {
  ...config,
  test: { ...config.test, include: ['tests/abuse/**/*.test.ts'], exclude: [], maxWorkers: 1 },
};

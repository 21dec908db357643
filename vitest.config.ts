import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // One copy of graphql: without the alias our import becomes a second one, and instanceof GraphQLError fails.
  resolve: { alias: { graphql: 'graphql/index.js' } },
  test: {
    include: ['tests/**/*.test.ts'],
    // They run alone: `npm run test:abuse`.
    exclude: ['tests/abuse/**', 'node_modules/**'],
    globalSetup: ['tests/support/global-setup.ts'],
    // The files of a worker share its modules: to load them anew for each costs more CPU than the tests. So a file leaves no module and
    // no built-in changed, and replaces none (`vi.mock`), which others have loaded before.
    isolate: false,
    // Much of the suite waits for processes and sockets: two files at once, also on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Some tests have bounds of time, and CI's machines are shared; `.ci/run` names those that needed their second chance.
    // Tests of random histories have none: a counterexample is one.
    retry: process.env.CI ? 1 : 0,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    coverage: { provider: 'v8', include: ['src/**'], exclude: ['src/generated/**'], reporter: ['text', 'html'] },
  },
});

import { inject } from 'vitest';

/** Where this run's databases come from, told by the global setup to every test file. */
export type TestDatabaseSource =
  | { kind: 'postgres'; serverUrl: string; namePrefix: string; template: string }
  /** `lender` lends started ones; `template` is a tar file of a data folder with a migrated one. */
  | { kind: 'embedded'; template: string; lender: string };

declare module 'vitest' {
  interface ProvidedContext {
    testDatabaseSource: TestDatabaseSource;
  }
}

/**
 * The only way for a test to learn on what it runs, besides `testRedisUrl`: `.ci/run` finds the tests to run on servers as those that
 * import one of the two.
 */
export function testDatabaseSource(): TestDatabaseSource {
  return inject('testDatabaseSource');
}

/** Where this run's databases come from, told by the global setup to every test file. */
export type TestDatabaseSource =
  | { kind: 'postgres'; serverUrl: string; namePrefix: string; template: string }
  | { kind: 'embedded'; template: string };

declare module 'vitest' {
  interface ProvidedContext {
    testDatabaseSource: TestDatabaseSource;
  }
}

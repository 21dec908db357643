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

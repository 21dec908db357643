/** The benchmark cannot run for a reason that its user can fix. The message says how. */
export class CannotRun extends Error {
  override readonly name = 'CannotRun';
}

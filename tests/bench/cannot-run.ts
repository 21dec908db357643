/** Something that whoever starts the benchmark can put right; the message says what. */
export class CannotRun extends Error {
  override readonly name = 'CannotRun';
}

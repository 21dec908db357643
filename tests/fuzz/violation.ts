/** An answer, or the lack of one, that is not documented. The message says what was seen. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

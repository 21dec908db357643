import { badInput, DomainError } from './errors.js';

/**
 * Runs the check of one row of a list. Its errors then name the row too, like `users.17.username`.
 * @throws DomainError
 */
export function inRow<Result>(list: string, index: number, check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    throw error instanceof DomainError ? rowError(list, index, error) : error;
  }
}

/** The error of a row of a list, or of a member of an input, which names both. */
export function rowError(
  list: string,
  index: number | string,
  { code, message, field, rule }: DomainError,
): DomainError {
  const row = `${list}.${index}`;
  return new DomainError(code, `${row}: ${message}`, {
    field: field === undefined ? row : `${row}.${field}`,
    ...(rule !== undefined && { rule }),
  });
}

/** @throws DomainError `BAD_USER_INPUT` for a list with more items */
export function checkLength(field: string, list: readonly unknown[], max: number): void {
  if (list.length > max) throw badInput(field, `${field} must have at most ${max} items.`);
}

/**
 * Checks that no two rows have the same key.
 * @param keys the keys of the rows, in their order; a row without one is left out
 * @param repeated the error of a row whose key an earlier row has
 */
export function checkDistinct(list: string, keys: readonly (string | undefined)[], repeated: () => DomainError): void {
  const known = new Set<string>();
  for (const [index, key] of keys.entries()) {
    if (key === undefined) continue;
    if (known.has(key)) throw rowError(list, index, repeated());
    known.add(key);
  }
}

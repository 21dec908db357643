import { DomainError } from '../errors.js';
import { isExternalIdTaken, isUniqueViolation } from '../unique-violation.js';

/** `CONFLICT` when the error is that of a name or an external id that another chat has. */
export function chatTaken(error: unknown): DomainError | undefined {
  if (isExternalIdTaken(error))
    return new DomainError('CONFLICT', 'Another chat has this external id.', { field: 'externalId' });
  return isUniqueViolation(error) ? nameTaken() : undefined;
}

export function nameTaken(): DomainError {
  return new DomainError('CONFLICT', 'A chat of this name exists.', { field: 'name' });
}

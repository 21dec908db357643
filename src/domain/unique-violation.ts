import { Prisma } from '../generated/prisma/client.js';
import { serviceBusy } from './errors.js';

/** True for a duplicate key: code P2002 of Prisma, or SQLSTATE 23505 of `pg`. */
export function isUniqueViolation(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientKnownRequestError) return error.code === 'P2002';
  return error instanceof Error && 'code' in error && error.code === '23505';
}

/** Transactions that lose against each other for ever would be a fault. */
const TRIES = 3;

/**
 * Runs a transaction again that met a duplicate key which somebody else has just written. It looks for taken keys itself, and then finds
 * this one.
 * @throws DomainError `SERVICE_UNAVAILABLE` when that happens three times on end
 */
export async function retryTaken<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      if (tried === TRIES) throw serviceBusy();
    }
  }
}

/** True for a duplicate `external_id`, in an error of `pg`. */
export function isExternalIdTaken(error: unknown): boolean {
  return (
    isUniqueViolation(error) &&
    error instanceof Error &&
    'constraint' in error &&
    typeof error.constraint === 'string' &&
    error.constraint.endsWith('_external_id_key')
  );
}

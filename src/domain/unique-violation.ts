import { Prisma } from '../generated/prisma/client.js';

/** True for a duplicate key: code P2002 of Prisma, or SQLSTATE 23505 of `pg`. */
export function isUniqueViolation(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientKnownRequestError) return error.code === 'P2002';
  return error instanceof Error && 'code' in error && error.code === '23505';
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

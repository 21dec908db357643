import { Prisma } from '../generated/prisma/client.js';

/** True for a duplicate key: code P2002 of Prisma, or SQLSTATE 23505 of `pg`. */
export function isUniqueViolation(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientKnownRequestError) return error.code === 'P2002';
  return error instanceof Error && 'code' in error && error.code === '23505';
}

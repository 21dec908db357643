import { isUuid } from '../../text.js';

/** Checks one field of `chat_events.data`: true for a value of its type. */
export type FactCheck<Value> = (value: unknown) => value is Value;
export type FactChecks = Readonly<Record<string, FactCheck<unknown>>>;
export type Facts<Checks extends FactChecks> = {
  [Name in keyof Checks]: Checks[Name] extends FactCheck<infer Value> ? Value : never;
};

/** The format of `Date.toISOString` for years with four digits. */
const TIME = /^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z$/;

/*
 * These are all the types that a fact may have. None holds text that a user wrote, because facts are kept for ever, even when the
 * user is erased.
 */

export const int: FactCheck<number> = (value): value is number => Number.isSafeInteger(value);
export const id: FactCheck<string> = (value): value is string => typeof value === 'string' && isUuid(value);
/** ISO 8601, UTC, milliseconds. */
export const time: FactCheck<string> = (value): value is string => typeof value === 'string' && TIME.test(value);

export function oneOf<Value extends string>(...values: readonly Value[]): FactCheck<Value> {
  return (value): value is Value => values.some((allowed) => allowed === value);
}

/** A fact that may be missing. */
export function optional<Value>(check: FactCheck<Value>): FactCheck<Value | undefined> {
  return (value): value is Value | undefined => value === undefined || check(value);
}

export function list<Value>(check: FactCheck<Value>): FactCheck<readonly Value[]> {
  return (value): value is readonly Value[] => Array.isArray(value) && value.every(check);
}

/** Returns the name of the first fact that is missing or of another type; undefined when all are valid. Ignores fields that have no check. */
export function invalidFact(checks: FactChecks, facts: Readonly<Record<string, unknown>>): string | undefined {
  return Object.entries(checks).find(([name, isValid]) => !isValid(facts[name]))?.[0];
}

export function areFacts<Checks extends FactChecks>(
  checks: Checks,
  facts: Readonly<Record<string, unknown>>,
): facts is Facts<Checks> {
  return invalidFact(checks, facts) === undefined;
}

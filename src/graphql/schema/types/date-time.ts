import { GraphQLError, GraphQLScalarType, Kind } from 'graphql';
import { builder } from '../builder.js';

builder.addScalarType(
  'DateTime',
  new GraphQLScalarType<Date, string>({
    name: 'DateTime',
    description:
      'A time in ISO 8601, UTC, with milliseconds: `2026-11-22T09:30:00.123Z`. An argument may have another offset than `Z`, and ' +
      'may leave the fractions of a second out; of them it keeps milliseconds.',
    specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time',
    // A string comes from `toISOString` already.
    serialize: (value) => (value instanceof Date ? value.toISOString() : String(value)),
    parseValue: parseTime,
    parseLiteral: (node) => parseTime(node.kind === Kind.STRING ? node.value : undefined),
  }),
);

/** RFC 3339, section 5.6. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

function parseTime(value: unknown): Date {
  const time = typeof value === 'string' && TIME.test(value) ? new Date(value) : undefined;
  // Of a day that its month does not have, JavaScript makes one of the next month.
  if (
    !time ||
    Number.isNaN(time.getTime()) ||
    time.getUTCFullYear() > 9999 ||
    time.getUTCFullYear() < 1 ||
    !isDay(String(value))
  )
    throw new GraphQLError('A DateTime must be a time in ISO 8601 with an offset, like 2026-11-22T09:30:00.123Z.');
  return time;
}

function isDay(time: string): boolean {
  const day = new Date(`${time.slice(0, 10)}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(time.slice(0, 10));
}

import { GraphQLScalarType } from 'graphql';
import { builder } from '../builder.js';

builder.addScalarType(
  'DateTime',
  new GraphQLScalarType<never, string>({
    name: 'DateTime',
    description: 'A time in ISO 8601, UTC, with milliseconds: `2026-11-22T09:30:00.123Z`.',
    specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time',
    // A string comes from `toISOString` already.
    serialize: (value) => (value instanceof Date ? value.toISOString() : String(value)),
  }),
);

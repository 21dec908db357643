import { GraphQLScalarType } from 'graphql';
import { builder } from '../builder.js';

builder.addScalarType(
  'DateTime',
  new GraphQLScalarType<never, string>({
    name: 'DateTime',
    description: 'ISO 8601 in UTC with milliseconds, like `2026-11-22T09:30:00.123Z`.',
    specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time',
    // What is a text already was written by `toISOString`.
    serialize: (value) => (value instanceof Date ? value.toISOString() : String(value)),
  }),
);

import { expect, it } from 'vitest';
import { graphqlReference } from '../../scripts/graphql-reference.js';
import { schema } from '../../src/graphql/schema/schema.js';
import { readPage } from './pages.js';

it('docs/graphql.md is that of the schema (npm run schema writes it)', () => {
  expect(readPage('docs/graphql.md')).toBe(graphqlReference(schema));
});

import { expect, it } from 'vitest';
import { withEnd } from '../../scripts/book.js';
import { graphqlReference } from '../../scripts/graphql-reference.js';
import { schema } from '../../src/graphql/schema/schema.js';
import { readPage } from './pages.js';

it('docs/graphql.md is that of the schema (npm run schema writes it)', () => {
  expect(readPage('docs/graphql.md')).toBe(withEnd('docs/graphql.md', graphqlReference(schema)));
});

// Writes schema.graphql, the SDL of the schema that the code defines, its types for the client library, and its reference for people. Tests
// fail when they differ: tests/graphql/schema/schema.test.ts, tests/clients/schema.test.ts, tests/docs/graphql.test.ts.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { printedSchema, schema } from '../src/graphql/schema/schema.js';
import { withEnd } from './book.js';
import { clientSchema } from './client-schema.js';
import { graphqlReference } from './graphql-reference.js';

const write = (path: string, text: string) =>
  writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), text);

write('schema.graphql', printedSchema());
write('clients/typescript/src/schema.ts', clientSchema(schema));
write('docs/graphql.md', withEnd('docs/graphql.md', graphqlReference(schema)));

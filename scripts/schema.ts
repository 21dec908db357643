// Writes schema.graphql, the SDL of the schema that the code defines. tests/graphql/schema/schema.test.ts fails when they differ.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { printedSchema } from '../src/graphql/schema/schema.js';

writeFileSync(fileURLToPath(new URL('../schema.graphql', import.meta.url)), printedSchema());

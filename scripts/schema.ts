// Writes schema.graphql, the SDL that the code defines. tests/graphql/schema.test.ts holds the two together.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { printedSchema } from '../src/graphql/schema.js';

writeFileSync(fileURLToPath(new URL('../schema.graphql', import.meta.url)), printedSchema());

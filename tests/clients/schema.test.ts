import { readFile } from 'node:fs/promises';
import { parse, validate } from 'graphql';
import { expect, it } from 'vitest';
import * as documents from '../../clients/typescript/src/documents.js';
import { clientSchema } from '../../scripts/client-schema.js';
import { schema } from '../../src/graphql/schema/schema.js';

it('the types of the client library are those of the schema (npm run schema writes them)', async () => {
  const committed = await readFile(new URL('../../clients/typescript/src/schema.ts', import.meta.url), 'utf8');
  expect(committed).toBe(clientSchema(schema));
});

const { inboxItems, ...texts } = documents;

it.each(Object.entries({ ...texts, 'inboxItems(10)': inboxItems(10) }))(
  'the document %s fits the schema',
  (_name, text) => {
    expect(validate(schema, parse(text))).toEqual([]);
  },
);

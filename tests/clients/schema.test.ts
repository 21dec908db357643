import { readFile } from 'node:fs/promises';
import { parse, validate } from 'graphql';
import { expect, it } from 'vitest';
import { CHATS_AT_ONCE, MESSAGES_AT_ONCE } from '../../clients/typescript/src/api.js';
import * as documents from '../../clients/typescript/src/documents.js';
import * as partDocuments from '../../clients/typescript/src/part-documents.js';
import { clientSchema } from '../../scripts/client-schema.js';
import { findExceededLimit } from '../../src/graphql/documents/limits.js';
import { schema } from '../../src/graphql/schema/schema.js';

it('the types of the client library are those of the schema (npm run schema writes them)', async () => {
  const committed = await readFile(new URL('../../clients/typescript/src/schema.ts', import.meta.url), 'utf8');
  expect(committed).toBe(clientSchema(schema));
});

const { inboxItems, messagesById, ...texts } = documents;
const lists = { inboxItems: inboxItems(CHATS_AT_ONCE), messagesById: messagesById(MESSAGES_AT_ONCE) };
const all = Object.entries({ ...texts, ...partDocuments, ...lists });

/** Fragments and selections stand in documents only. */
const isDocument = ([, text]: [string, string]) => /^(query|mutation|\{me)/.test(text);

it.each(all.filter(isDocument))('the document %s fits the schema', (_name, text) => {
  expect(validate(schema, parse(text))).toEqual([]);
});

it.each(all.filter(isDocument))('the document %s is within the limits of documents', (_name, text) => {
  expect(findExceededLimit(parse(text))).toBeUndefined();
});

import { readFile } from 'node:fs/promises';
import { parse, validate } from 'graphql';
import { expect, it } from 'vitest';
import { CHATS_AT_ONCE, MESSAGES_AT_ONCE } from '../../clients/typescript/src/api.js';
import * as chatDocuments from '../../clients/typescript/src/chats.js';
import * as documents from '../../clients/typescript/src/documents.js';
import { messagesById } from '../../clients/typescript/src/documents-by-id.js';
import * as invitationDocuments from '../../clients/typescript/src/invitations.js';
import * as moderationDocuments from '../../clients/typescript/src/moderation.js';
import { mutation } from '../../clients/typescript/src/mutations.js';
import * as partDocuments from '../../clients/typescript/src/part-documents.js';
import { PRESENCE } from '../../clients/typescript/src/presence.js';
import * as reportDocuments from '../../clients/typescript/src/reports.js';
import { EVENTS } from '../../clients/typescript/src/stored-events.js';
import { clientSchema } from '../../scripts/client-schema.js';
import { findExceededLimit } from '../../src/graphql/documents/limits.js';
import { schema } from '../../src/graphql/schema/schema.js';

it('the types of the client library are those of the schema (npm run schema writes them)', async () => {
  const committed = await readFile(new URL('../../clients/typescript/src/schema.ts', import.meta.url), 'utf8');
  expect(committed).toBe(clientSchema(schema));
});

const { inboxItems, each: _each, ...texts } = documents;
const lists = { inboxItems: inboxItems(CHATS_AT_ONCE), messagesById: messagesById(MESSAGES_AT_ONCE) };

/** Each with all the arguments that a room gives it. */
const mutations = [
  mutation(
    'sendMessage',
    'chatId content nonce replyTo thread alsoInChat mentions mentionAll metadata'.split(' '),
    'message',
  ),
  mutation('editMessage', ['chatId', 'messageId', 'content', 'revision'], 'message'),
  ...['deleteMessage', 'pinMessage', 'unpinMessage'].map((name) => mutation(name, ['chatId', 'messageId'], 'message')),
  ...['addReaction', 'removeReaction'].map((name) => mutation(name, ['chatId', 'messageId', 'emoji'], 'message')),
  mutation('markRead', ['chatId', 'seq'], 'viewer'),
  mutation('markUnread', ['chatId', 'fromSeq'], 'viewer'),
  mutation('setChatPreferences', ['chatId', 'notify', 'hidden'], 'viewer'),
  mutation('setTyping', ['chatId', 'thread'], 'done'),
].map((text) => [text.slice(0, 60), text] as const);
const all: [string, unknown][] = Object.entries({
  ...{ ...texts, ...partDocuments, ...chatDocuments, ...lists, PRESENCE, EVENTS },
  ...prefixed('moderation', moderationDocuments),
  ...prefixed('invitations', invitationDocuments),
  ...prefixed('reports', reportDocuments),
  ...Object.fromEntries(mutations),
});

function prefixed(name: string, entries: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(entries).map(([key, value]) => [`${name}: ${key}`, value]));
}

/** Fragments and selections stand in documents only. */
const isDocument = (entry: [string, unknown]): entry is [string, string] =>
  typeof entry[1] === 'string' && /^(query|mutation|\{me)/.test(entry[1]);

it.each(all.filter(isDocument))('the document %s fits the schema', (_name, text) => {
  expect(validate(schema, parse(text))).toEqual([]);
});

it.each(all.filter(isDocument))('the document %s is within the limits of documents', (_name, text) => {
  expect(findExceededLimit(parse(text))).toBeUndefined();
});

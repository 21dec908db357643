import { isInterfaceType } from 'graphql';
import { expect, it } from 'vitest';
import { type KnownEntry, toEvent } from '../../src/domain/log/chat-events.js';
import type { ChatMessage, MessageExtras } from '../../src/domain/log/chat-message.js';

import { KINDS } from '../../src/domain/log/events/kinds.js';
import type { LoggedChat } from '../../src/domain/log/logged-chat.js';
import { schema } from '../../src/graphql/schema/schema.js';
import { eventOnWire } from '../../src/wire/event-on-wire.js';
import { messageOnWire } from '../../src/wire/messages.js';
import { codeIn, rowsOf } from './pages.js';

const PAGE = 'docs/events.md';
const id = '0197d1a2-0000-7000-8000-000000000001';
const at = '2026-01-02T00:00:00.000Z';
const ann = { id, username: 'ann', firstName: '', lastName: '', role: 'user', kind: 'human', dateJoined: at } as const;
/** Nothing in it is as in a plain message. */
const extras: MessageExtras = {
  ...{ revision: 1, editedAt: at, deletedAt: at, replyTo: { id, seq: 1 } },
  ...{ thread: { rootId: id, rootSeq: 1, alsoInChat: true }, mentions: [ann], mentionsAll: true, metadata: {} },
  ...{ reactions: [{ emoji: '👍', count: 1, users: [id] }], pinnedAt: at, pinnedBy: ann },
};
const plain = { id, chatId: id, seq: 2, content: 'hi', nonce: null, createdAt: at, sender: ann };
const message: ChatMessage = { ...plain, nonce: 'n', extras };

/** An example of the facts of each kind that has some. */
const FACTS: Readonly<Record<string, object>> = {
  'chat.updated': { changed: ['topic'] },
  'member.removed': { cause: 'banned', until: at },
};
const chat: LoggedChat = {
  ...{ id, name: 'garden', kind: 'group', visibility: 'public', topic: 'peas', postingRole: 'member', slowSeconds: 5 },
  ...{ invites: 'members', archivedAt: at, metadata: {} },
};

const HEAD = ['type', 'seq', 'cursor', 'at', 'actor'];
const membersOf = (value: object) => Object.keys(value);

/** The rows of the table of kinds: frame, GraphQL type, members of the frame; in words, when it comes, who sees it, and what it changes. */
const rows = rowsOf(PAGE)
  .filter((cells) => cells.length === 6 && codeIn(cells[1]).length === 1)
  .map(([frame, type, members = '', ...words]) => ({
    frame: codeIn(frame)[0],
    type: codeIn(type)[0],
    members: codeIn(members.replace(/\(.*\)/, '')),
    words,
  }));

it('has one row for each kind, in the order of the registry', () => {
  expect(rows.map(({ frame }) => frame)).toEqual(Object.keys(KINDS));
});

it.each(rows)(
  'says what $frame is as a frame and in GraphQL, when it comes, who sees it, and what it changes',
  (row) => {
    const { type, frame, members, words } = row;
    for (const sentences of words) expect(sentences).toMatch(/^[A-Z].*\.$/);
    const kind = Object.values(KINDS).find((each) => each.type === frame);
    if (!kind) throw new Error(`There is no kind ${frame}.`);
    const membership = { role: 'moderator', joinedAt: at, mutedUntil: null } as const;
    const seq = kind.type === 'message.created' ? 2 : 3;
    const head = { type: kind.type, chatId: id, epoch: 'k3f9', seq, at, actor: ann };
    const facts = { ...FACTS[kind.type] };
    const entry: KnownEntry = { ...head, message, subject: ann, membership, chat, facts };
    const event = toEvent(entry);
    const own = membersOf(eventOnWire(event, 'others')).filter((member) => !HEAD.includes(member));
    expect(own).toEqual(members);
    expect(typesOfEvents()).toContain(type);
  },
);

it('has a row for every GraphQL type', () => {
  expect(rows.map(({ type }) => type).sort()).toEqual(typesOfEvents().sort());
});

it('names every member that a message in a frame can have beside those of a plain one', () => {
  const usual = membersOf(messageOnWire(plain, 'author'));
  const more = membersOf(messageOnWire(message, 'author')).filter((member) => !usual.includes(member));
  const documented = rowsOf(PAGE)
    .filter((cells) => cells.length === 2)
    .flatMap(([members]) => codeIn(members));
  expect(documented).toEqual(expect.arrayContaining(more));
  expect(more).toEqual(expect.arrayContaining(documented));
});

function typesOfEvents(): string[] {
  const events = schema.getType('ChatEvent');
  if (!isInterfaceType(events)) throw new Error('ChatEvent is no interface.');
  return schema.getImplementations(events).objects.map(({ name }) => name);
}

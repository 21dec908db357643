import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ChatEvent, InboxState, Message, RoomState } from '../../clients/typescript/src/client.js';
import { eventFromWire } from '../../clients/typescript/src/events.js';
import { emptyInbox, reduceInbox } from '../../clients/typescript/src/inbox-state.js';
import { emptyRoom, reduceRoom } from '../../clients/typescript/src/room-state.js';
import { assertProperty } from '../support/property.js';

const people = ['me', 'ann', 'bob'].map((id) => ({ id, username: id }));
const [me] = people;
if (!me) throw new Error('There are people.');

function messageAt(seq: number, sender = me, changes: Partial<Message> = {}): Message {
  return {
    ...{ id: `m${seq}`, seq, content: `message ${seq}`, createdAt: new Date(seq * 1000).toISOString() },
    sender: sender ?? { id: 'me', username: 'me' },
    ...{ nonce: null, revision: 0, editedAt: null, deletedAt: null, replyTo: null, thread: null },
    ...{
      mentions: [],
      mentionsAll: false,
      metadata: null,
      reactions: [],
      pinnedAt: null,
      pinnedBy: null,
      replies: null,
    },
    ...changes,
  };
}

/** What may happen at a number. */
const happenings = fc.array(
  fc.record({
    type: fc.constantFrom(
      'message.created',
      'message.edited',
      'message.deleted',
      'message.reactions',
      'member.added',
      'member.removed',
      'chat.updated',
      'unknown',
    ),
    person: fc.integer({ min: 1, max: 2 }),
    target: fc.nat(20),
  }),
  { minLength: 1, maxLength: 30 },
);

function eventsOf(history: readonly { type: string; person: number; target: number }[]): ChatEvent[] {
  return history.map(({ type, person, target }, index) => {
    const seq = index + 1;
    const user = people[person] ?? { id: 'ann', username: 'ann' };
    const head = { chatId: 'c', seq, cursor: `e:${seq}`, at: '', actor: user };
    const changed = messageAt((target % seq) + 1, user, { revision: 1, content: 'changed' });
    switch (type) {
      case 'message.created':
        return { ...head, type, message: messageAt(seq, user) };
      case 'message.edited':
      case 'message.deleted':
        return { ...head, type, message: changed };
      case 'message.reactions':
        return {
          ...head,
          type,
          messageId: changed.id,
          messageSeq: changed.seq,
          reactions: [{ emoji: '👍', count: 1, mine: null }],
        };
      case 'member.added':
        return { ...head, type, member: { user, role: 'member', joinedAt: '', mutedUntil: null } };
      case 'member.removed':
        return { ...head, type, user, cause: 'left' };
      case 'chat.updated':
        return {
          ...{ ...head, type, changed: ['topic'] },
          chat: { ...SETTINGS, id: 'c', name: 'c', kind: 'group', topic: `${seq}` },
        };
      default:
        return { ...head, type: 'unknown', kind: type };
    }
  });
}

function loadedRoom(): RoomState {
  const snapshot = {
    ...{ me: { id: 'me', username: 'me' }, cursor: 'e:0', messages: [], members: [], viewerCan: [], viewer: null },
    ...{ hasEarlier: false, hasMoreMembers: false },
    chat: { id: 'c', name: 'c', kind: 'group' as const, createdAt: '', ...SETTINGS },
  };
  return reduceRoom(emptyRoom('c'), { type: 'loaded', snapshot });
}

function loadedInbox(): InboxState {
  const unread = { messages: 0, capped: false, mentions: 0, threads: 0, firstSeq: null };
  const state = {
    readSeq: 0,
    unread,
    notify: 'all' as const,
    hidden: false,
    mutedUntil: null,
    role: 'member' as const,
  };
  const chat = { id: 'c', name: 'c', kind: 'group' as const, createdAt: '', ...SETTINGS };
  const item = { chat, peer: null, lastMessage: null, state, cursor: 'e:0', activeAt: '' };
  return reduceInbox(emptyInbox(), {
    type: 'loaded',
    me: { id: 'me', username: 'me' },
    items: [item],
    hasMore: false,
    isMore: false,
  });
}

const SETTINGS = {
  visibility: 'private',
  postingRole: 'member',
  invites: 'moderators',
  topic: '',
  slowSeconds: 0,
  archivedAt: null,
  metadata: null,
} as const;

/** Fails when somebody changes it. */
function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) frozen(part);
  }
  return value;
}

it('a fold changes no state and no event, and an event that comes again changes nothing', async () => {
  await assertProperty(
    fc.asyncProperty(happenings, async (history) => {
      let room = frozen(loadedRoom());
      let inbox = frozen(loadedInbox());
      for (const event of frozen(eventsOf(history))) {
        room = frozen(reduceRoom(room, { type: 'event', event }));
        inbox = frozen(reduceInbox(inbox, { type: 'event', event }));
        expect(reduceRoom(room, { type: 'event', event })).toBe(room);
        expect(reduceInbox(inbox, { type: 'event', event })).toBe(inbox);
      }
      expect(room.cursor).toBe(`e:${history.length}`);
    }),
  );
});

it('a room has the messages that were created, in their order', async () => {
  await assertProperty(
    fc.asyncProperty(happenings, async (history) => {
      const events = eventsOf(history);
      const room = events.reduce((state, event) => reduceRoom(state, { type: 'event', event }), loadedRoom());
      const created = events.filter(({ type }) => type === 'message.created').map(({ seq }) => seq);
      expect(room.messages.map(({ seq }) => seq)).toEqual(created);
    }),
  );
});

it('a kind that this version does not know is unknown, whatever it holds, and moves the cursor', () => {
  const frame = { type: 'message.translated', chatId: 'c', seq: 1, cursor: 'e:1', at: '', message: { id: 'm1' } };
  const event = eventFromWire(frame, 'me');
  expect(event).toEqual({
    ...{ type: 'unknown', kind: 'message.translated' },
    ...{ chatId: 'c', seq: 1, cursor: 'e:1', at: '', actor: null },
  });
  if (!event) throw new Error('It is an event.');
  expect(reduceRoom(loadedRoom(), { type: 'event', event })).toEqual({ ...loadedRoom(), cursor: 'e:1' });
  expect(eventFromWire({ type: 'announcement', chatId: 'c' }, 'me')).toBeUndefined();
});

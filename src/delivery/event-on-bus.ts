import { isChatRole } from '../domain/chat-role.js';
import { type ChatEvent, contradictionIn, isKnown, type KnownEntry, toEvent } from '../domain/log/chat-events.js';
import { type Cursor, isEpoch, isSeq } from '../domain/log/cursor.js';
import { BadEntry, type RowName, type Rows } from '../domain/log/events/kind.js';
import { KINDS } from '../domain/log/events/kinds.js';
import { readChat } from './chat-on-bus.js';
import { readMessage, readProfile } from './message-on-bus.js';
import { type JsonObject, MalformedPayload, nonEmptyText, object, parsePayload, timestamp } from './payload.js';

/** A payload that this version cannot read as an event of its chat. */
export class MalformedEvent extends MalformedPayload {
  constructor(
    field: string,
    /** Where the event stands in the log; undefined when the payload does not tell. */
    readonly cursor: Cursor | undefined,
  ) {
    super(field);
  }
}

const MAX_TYPE_LENGTH = 100;

/**
 * Reads the event of an entry that a process published as JSON. The process may run an older or a newer version of the service:
 * members that this version does not know are left out. @throws MalformedEvent for any other difference.
 */
export function parseEvent(chatId: string, payload: string): ChatEvent {
  let cursor: Cursor | undefined;
  try {
    const entry = parsePayload(payload);
    if (entry.chatId !== chatId) throw new MalformedPayload('chatId');
    cursor = cursorOf(entry);
    return consistentEvent(readEntry(chatId, cursor, entry));
  } catch (error) {
    throw error instanceof MalformedPayload || error instanceof BadEntry
      ? new MalformedEvent(error.field, cursor)
      : error;
  }
}

function cursorOf({ epoch, seq }: JsonObject): Cursor {
  if (!isEpoch(epoch)) throw new MalformedPayload('epoch');
  if (!isSeq(seq) || seq === 0) throw new MalformedPayload('seq');
  return { epoch, seq };
}

function readEntry(chatId: string, { epoch, seq }: Cursor, payload: JsonObject): KnownEntry {
  const head = { type: nonEmptyText(payload.type, 'type', MAX_TYPE_LENGTH) };
  if (!isKnown(head)) throw new MalformedPayload('type');
  const { type } = head;
  const at = timestamp(payload.at, 'at');
  const actor = payload.actor === null ? null : readProfile(payload.actor, 'actor');
  const facts = payload.facts === undefined ? {} : { facts: object(payload.facts, 'facts') };
  return { type, chatId, epoch, seq, at, actor, ...facts, ...readRows(chatId, KINDS[type].refers, payload) };
}

function consistentEvent(entry: KnownEntry): ChatEvent {
  const event = toEvent(entry);
  const contradiction = contradictionIn(event);
  if (contradiction !== undefined) throw new MalformedPayload(contradiction);
  return event;
}

function readRows(chatId: string, refers: readonly RowName[], payload: JsonObject): Partial<Rows> {
  const rows: Partial<Rows> = {};
  if (refers.includes('message')) rows.message = readMessage(chatId, object(payload.message, 'message'));
  if (refers.includes('subject')) rows.subject = readProfile(payload.subject, 'subject');
  if (refers.includes('membership')) rows.membership = readMembership(object(payload.membership, 'membership'));
  if (refers.includes('chat')) rows.chat = readChat(chatId, object(payload.chat, 'chat'));
  return rows;
}

/** A process of before mutes tells no `mutedUntil`. */
function readMembership({ role, joinedAt, mutedUntil = null }: JsonObject): Rows['membership'] {
  if (!isChatRole(role)) throw new MalformedPayload('membership.role');
  return {
    role,
    joinedAt: timestamp(joinedAt, 'membership.joinedAt'),
    mutedUntil: mutedUntil === null ? null : timestamp(mutedUntil, 'membership.mutedUntil'),
  };
}

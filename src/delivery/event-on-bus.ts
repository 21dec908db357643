import { isChatRole } from '../domain/chat-role.js';
import { type ChatEvent, contradictionIn, isKnown, type KnownEntry, toEvent } from '../domain/log/chat-events.js';
import { type ChatMessage, MAX_CONTENT_LENGTH, MAX_NONCE_LENGTH } from '../domain/log/chat-message.js';
import { type Cursor, isEpoch, isSeq } from '../domain/log/cursor.js';
import { BadEntry, type RowName, type Rows } from '../domain/log/events/kind.js';
import { KINDS } from '../domain/log/events/kinds.js';
import type { UserProfile } from '../domain/profile.js';
import {
  id,
  type JsonObject,
  MalformedPayload,
  nonEmptyText,
  object,
  parsePayload,
  text,
  timestamp,
} from './payload.js';

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

/** Characters of a username, a first name or a last name. */
const MAX_NAME_LENGTH = 150;
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
  return rows;
}

function readMessage(chatId: string, message: JsonObject): ChatMessage {
  if (message.chatId !== chatId) throw new MalformedPayload('message.chatId');
  if (!isSeq(message.seq)) throw new MalformedPayload('message.seq');
  return {
    id: id(message.id, 'message.id'),
    chatId,
    seq: message.seq,
    content: nonEmptyText(message.content, 'message.content', MAX_CONTENT_LENGTH),
    nonce: message.nonce === null ? null : nonEmptyText(message.nonce, 'message.nonce', MAX_NONCE_LENGTH),
    createdAt: timestamp(message.createdAt, 'message.createdAt'),
    sender: readProfile(message.sender, 'message.sender'),
  };
}

function readMembership({ role, joinedAt }: JsonObject): Rows['membership'] {
  if (!isChatRole(role)) throw new MalformedPayload('membership.role');
  return { role, joinedAt: timestamp(joinedAt, 'membership.joinedAt') };
}

function readProfile(value: unknown, field: string): UserProfile {
  const profile = object(value, field);
  const { role } = profile;
  if (role !== 'user' && role !== 'admin') throw new MalformedPayload(field);
  return {
    id: id(profile.id, field),
    username: nonEmptyText(profile.username, field, MAX_NAME_LENGTH),
    firstName: text(profile.firstName, field, MAX_NAME_LENGTH),
    lastName: text(profile.lastName, field, MAX_NAME_LENGTH),
    role,
    dateJoined: timestamp(profile.dateJoined, field),
  };
}

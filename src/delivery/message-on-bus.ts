import {
  type ChatMessage,
  MAX_CONTENT_LENGTH,
  MAX_EMOJI_LENGTH,
  MAX_MENTIONS,
  MAX_NONCE_LENGTH,
  MAX_REACTION_EMOJI,
  MAX_SUMMARY_USERS,
  type MessageExtras,
  type MessageReference,
  NO_EXTRAS,
  type ReactionSummary,
} from '../domain/log/chat-message.js';
import { isSeq } from '../domain/log/cursor.js';
import { isUserKind, type UserProfile } from '../domain/profile.js';
import {
  id,
  type JsonObject,
  list,
  MalformedPayload,
  nonEmptyText,
  number,
  object,
  text,
  timestamp,
} from './payload.js';

/*
 * The parsers of the rows in an event's payload. They throw MalformedPayload, which names the field.
 */

/** Characters of a username, a first name or a last name. */
const MAX_NAME_LENGTH = 150;

export function readMessage(chatId: string, message: JsonObject): ChatMessage {
  if (message.chatId !== chatId) throw new MalformedPayload('message.chatId');
  if (!isSeq(message.seq)) throw new MalformedPayload('message.seq');
  const extras = message.extras === undefined ? undefined : readExtras(object(message.extras, 'message.extras'));
  const content = text(message.content, 'message.content', MAX_CONTENT_LENGTH);
  // Empty for a deleted message alone.
  if ((content === '') !== Boolean(extras?.deletedAt)) throw new MalformedPayload('message.content');
  return {
    id: id(message.id, 'message.id'),
    chatId,
    seq: message.seq,
    content,
    nonce: message.nonce === null ? null : nonEmptyText(message.nonce, 'message.nonce', MAX_NONCE_LENGTH),
    createdAt: timestamp(message.createdAt, 'message.createdAt'),
    sender: readProfile(message.sender, 'message.sender'),
    ...(extras && { extras }),
  };
}

/** Members that an older process does not send are as in a plain message. */
function readExtras(given: JsonObject): MessageExtras {
  const extras: JsonObject = { ...NO_EXTRAS, ...given };
  const at = (name: 'editedAt' | 'deletedAt' | 'pinnedAt') =>
    extras[name] === null ? null : timestamp(extras[name], `message.extras.${name}`);
  const { replyTo, thread, pinnedBy, metadata } = extras;
  return {
    revision: number(extras.revision, 'message.extras.revision'),
    editedAt: at('editedAt'),
    deletedAt: at('deletedAt'),
    replyTo: replyTo === null ? null : readReference(object(replyTo, 'message.extras.replyTo')),
    thread: thread === null ? null : readThread(object(thread, 'message.extras.thread')),
    mentions: list(extras.mentions, 'message.extras.mentions', MAX_MENTIONS).map((user) =>
      readProfile(user, 'message.extras.mentions'),
    ),
    mentionsAll: extras.mentionsAll === true,
    metadata: metadata === null ? null : object(metadata, 'message.extras.metadata'),
    reactions: list(extras.reactions, 'message.extras.reactions', MAX_REACTION_EMOJI).map((reaction) =>
      readReaction(object(reaction, 'message.extras.reactions')),
    ),
    pinnedAt: at('pinnedAt'),
    pinnedBy: pinnedBy === null ? null : readProfile(pinnedBy, 'message.extras.pinnedBy'),
  };
}

function readReference({ id: messageId, seq }: JsonObject): MessageReference {
  return { id: id(messageId, 'message.extras.replyTo.id'), seq: number(seq, 'message.extras.replyTo.seq') };
}

function readThread({ rootId, rootSeq, alsoInChat }: JsonObject): NonNullable<MessageExtras['thread']> {
  return {
    rootId: id(rootId, 'message.extras.thread.rootId'),
    rootSeq: number(rootSeq, 'message.extras.thread.rootSeq'),
    alsoInChat: alsoInChat === true,
  };
}

function readReaction({ emoji, count, users }: JsonObject): ReactionSummary {
  const field = 'message.extras.reactions';
  return {
    emoji: nonEmptyText(emoji, field, MAX_EMOJI_LENGTH),
    count: number(count, field),
    users: list(users, field, MAX_SUMMARY_USERS).map((user) => id(user, field)),
  };
}

export function readProfile(value: unknown, field: string): UserProfile {
  const profile = object(value, field);
  // An older process sends no kind, and knows people alone.
  const { role, kind = 'human' } = profile;
  if ((role !== 'user' && role !== 'admin') || !isUserKind(kind)) throw new MalformedPayload(field);
  return {
    id: id(profile.id, field),
    username: nonEmptyText(profile.username, field, MAX_NAME_LENGTH),
    firstName: text(profile.firstName, field, MAX_NAME_LENGTH),
    lastName: text(profile.lastName, field, MAX_NAME_LENGTH),
    role,
    kind,
    dateJoined: timestamp(profile.dateJoined, field),
  };
}

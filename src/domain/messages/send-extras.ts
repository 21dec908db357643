import { LARGE_CHAT_MENTION_ALL, MENTIONS_ALL } from '../chats/rights.js';
import { badInput } from '../errors.js';
import { MAX_METADATA_BYTES } from '../log/chat-message.js';
import { checkMetadata } from '../metadata.js';
import { canonicalId } from '../text.js';
import { checkMentions } from './mentions.js';

/** What a message may have beside its content. */
export interface SendExtras {
  /** The id of the message that this one quotes. */
  replyTo?: string | null | undefined;
  /** The id of the root of the thread that this message is a reply in. */
  thread?: string | null | undefined;
  /** Whether a reply in a thread is in the main timeline too. */
  alsoInChat?: boolean | null | undefined;
  /** The ids of the members whom the message names. */
  mentions?: readonly string[] | null | undefined;
  /** Whether the message mentions every member. */
  mentionAll?: boolean | null | undefined;
  /** A JSON object of the client's. */
  metadata?: unknown;
}

/** The highest `LIMIT` that PostgreSQL's `int` holds with one more. */
const NO_LIMIT = 2 ** 31 - 2;

/**
 * The extras as JSON, as `append_with_extras` reads them; null for a plain message.
 * @param mentionAllLimit chats with more members need a higher role for `mentionAll`
 * @throws DomainError `BAD_USER_INPUT`
 */
export function extrasToAppend(given: SendExtras, mentionAllLimit: number): string | null {
  const { replyTo, thread, alsoInChat, mentions, mentionAll, metadata } = given;
  const extras = {
    ...(replyTo != null && { replyTo: canonicalId(replyTo) ?? refuse(noReplyTo()) }),
    ...(thread != null && { thread: canonicalId(thread) ?? refuse(noThread()) }),
    ...(alsoInChat && { alsoInChat }),
    ...(mentions && mentions.length > 0 && { mentions: checkMentions(mentions) }),
    ...(mentionAll && {
      mentionAll: {
        needs: MENTIONS_ALL,
        limit: Math.min(mentionAllLimit, NO_LIMIT),
        needsAbove: LARGE_CHAT_MENTION_ALL,
      },
    }),
    ...(metadata != null && { metadata: checkMetadata(metadata, MAX_METADATA_BYTES) }),
  };
  if (alsoInChat && thread == null)
    throw badInput('alsoInChat', 'alsoInChat is for replies in a thread: give thread too.');
  return Object.keys(extras).length > 0 ? JSON.stringify(extras) : null;
}

/** `replyTo` is no message of the chat. */
export function noReplyTo() {
  return badInput('replyTo', 'replyTo must be the id of a message of this chat.');
}

/** `thread` is no message of the chat, or one that is deleted and has no replies. */
export function noThread() {
  return badInput('thread', 'thread must be the id of a message of this chat that is not deleted, or has replies.');
}

function refuse(error: Error): never {
  throw error;
}

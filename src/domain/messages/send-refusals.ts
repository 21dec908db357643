import {
  chatArchived,
  directBlocked,
  muted,
  needsRole,
  postingRoleTooLow,
  roleTooLow,
  tooSoon,
} from '../chats/chat-refusals.js';
import { LARGE_CHAT_MENTION_ALL } from '../chats/rights.js';
import { badInput, chatNotFound, DomainError } from '../errors.js';
import type { AppendedRow, RefusalDetails } from './append.js';
import { notMember } from './mentions.js';
import { noReplyTo, noThread } from './send-extras.js';

type Refusal = Exclude<AppendedRow['outcome'], 'created' | 'repeated' | 'busy'>;

const REFUSALS: { readonly [Outcome in Refusal]: (details: RefusalDetails) => DomainError } = {
  unreachable: chatNotFound,
  role: () => roleTooLow('send'),
  archived: chatArchived,
  posting_role: ({ needs = 'owner' }) => postingRoleTooLow(needs),
  muted,
  blocked: directBlocked,
  slow_mode: ({ retryAfterMs = 0 }) => tooSoon(retryAfterMs),
  nonce_reused: () =>
    new DomainError('NONCE_REUSED', 'You sent another message with this nonce to this chat.', { field: 'nonce' }),
  no_reply_to: noReplyTo,
  reply_to_deleted: () =>
    new DomainError('CONFLICT', 'The message is deleted.', { field: 'replyTo', rule: 'message.deleted' }),
  no_thread: noThread,
  thread_in_thread: () =>
    badInput('thread', 'thread must be the id of a message of the main timeline that is no reply in a thread itself.'),
  no_member: notMember,
  mention_all: () => roleTooLow('mentionAll'),
  mention_all_large: () => needsRole(LARGE_CHAT_MENTION_ALL),
};

/** The error of a message that was not stored, also for an outcome that only a newer version knows. */
export function refusalOf(outcome: AppendedRow['outcome'], details: RefusalDetails): Error {
  const make = isRefusal(outcome) ? REFUSALS[outcome] : undefined;
  return make ? make(details) : new Error(`A message was neither stored nor refused: ${outcome}.`);
}

function isRefusal(outcome: string): outcome is Refusal {
  return Object.hasOwn(REFUSALS, outcome);
}

import type { ChatMessage, MessageExtras, ReactionSummary } from '../domain/log/chat-message.js';
import type { Audience } from './audience.js';
import { userOnWire } from './people.js';

/** A message as JSON. Only its sender sees its nonce. A plain message has no more members than it had before there were extras. */
export function messageOnWire(message: ChatMessage, audience: Audience) {
  const { id, seq, content, createdAt, sender, nonce, extras } = message;
  return {
    id,
    seq,
    content,
    createdAt,
    sender: userOnWire(sender),
    ...(audience === 'author' && nonce !== null && { nonce }),
    ...(extras && extrasOnWire(extras)),
  };
}

/** Each member is left out at its default, that of `NO_EXTRAS`. */
function extrasOnWire(extras: MessageExtras) {
  const { mentions, reactions, pinnedBy } = extras;
  return {
    revision: extras.revision || undefined,
    editedAt: extras.editedAt ?? undefined,
    deletedAt: extras.deletedAt ?? undefined,
    metadata: extras.metadata ?? undefined,
    mentions: mentions.length > 0 ? mentions.map(userOnWire) : undefined,
    mentionsAll: extras.mentionsAll || undefined,
    replyTo: extras.replyTo ?? undefined,
    thread: extras.thread ?? undefined,
    reactions: reactions.length > 0 ? reactions.map(reactionOnWire) : undefined,
    pinnedAt: extras.pinnedAt ?? undefined,
    pinnedBy: pinnedBy ? userOnWire(pinnedBy) : undefined,
  };
}

/** `clipped` says that more users reacted than `users` names. */
export function reactionOnWire({ emoji, count, users }: ReactionSummary) {
  return { emoji, count, users, clipped: count > users.length };
}

import type { Change, MessageState, ReactionState } from './entries.js';

/** What a client shows of a chat: each message that it has loaded, as it is now. A quote is the message with that id in here. */
export type View = ReadonlyMap<string, MessageState>;

/** The view of a client that got these changes in this order, kept as docs/events.md says. */
export function viewOf(changes: Iterable<Change>): View {
  const view = new Map<string, MessageState>();
  for (const change of changes) {
    const shown = shownBy(change, view);
    if (shown) view.set(change.subject, shown);
  }
  return view;
}

/** The message after the change; undefined when the change shows none, or one that the client has not loaded. */
function shownBy({ kind, subject, message, reactions }: Change, view: View): MessageState | undefined {
  if (kind === 'message.created') return message;
  const known = view.get(subject);
  if (!known) return undefined;
  return message ?? (reactions && withReactions(known, reactions));
}

function withReactions({ reactions: _former, ...message }: MessageState, reactions: ReactionState[]): MessageState {
  return reactions.length > 0 ? { ...message, reactions } : message;
}

/** Whether two say the same of a message. Reactions count with their users where both name them. */
export function isSameState(one: MessageState, other: MessageState): boolean {
  return JSON.stringify(spelled(one, other)) === JSON.stringify(spelled(other, one));
}

function spelled(state: MessageState, other: MessageState) {
  const { sender, content, revision = 0, isDeleted = false, pinnedBy = null, replyTo = null, thread = null } = state;
  const { mentions = [], metadata = null, reactions = [] } = state;
  const named = reactions.map(({ emoji, count, users }, index) => [
    emoji,
    count,
    other.reactions?.[index]?.users ? users : undefined,
  ]);
  return [sender, content, revision, isDeleted, pinnedBy, replyTo, thread, mentions, metadata, named];
}

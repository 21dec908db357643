import type { ChatEvent } from './events.js';
import type { Message, Reaction } from './messages.js';

/** Both lists by their numbers. Of a message in both, the second list has the newer state. */
export function mergeMessages(first: readonly Message[], second: readonly Message[]): readonly Message[] {
  const last = first.at(-1);
  const [next] = second;
  if (!last || !next || last.seq < next.seq) return [...first, ...second];
  const bySeq = new Map([...first, ...second].map((message) => [message.seq, message]));
  return [...bySeq.values()].sort((one, other) => one.seq - other.seq);
}

/**
 * The messages after an event, without one that it adds. An event shows the newest state of its message, and a reply counts once: to apply
 * one twice changes nothing.
 */
export function applyToMessages(messages: readonly Message[], event: ChatEvent): readonly Message[] {
  if (event.type === 'message.reactions')
    return change(messages, event.messageId, (old) => withReactions(old, event.reactions));
  if (!('message' in event)) return messages;
  const { message } = event;
  if (event.type !== 'message.created')
    return change(messages, message.id, (old) => ({
      ...withReactions({ ...message, reactions: old.reactions }, message.reactions),
      replies: old.replies,
    }));
  return message.thread && message.deletedAt === null
    ? change(messages, message.thread.rootId, (root) => withReply(root, message))
    : messages;
}

/** The messages with this one in place of that with its id. */
export function replaceMessage(messages: readonly Message[], message: Message): readonly Message[] {
  return change(messages, message.id, () => message);
}

/** The same list where nothing changes. */
function change(messages: readonly Message[], id: string, to: (old: Message) => Message): readonly Message[] {
  const index = messages.findIndex((message) => message.id === id);
  const old = messages[index];
  return old ? [...messages.slice(0, index), to(old), ...messages.slice(index + 1)] : messages;
}

/** Where an event does not say whether a reaction is one's own, it is as it was. */
function withReactions(old: Message, reactions: readonly Reaction[]): Message {
  const wasMine = (emoji: string) => old.reactions.find((before) => before.emoji === emoji)?.mine ?? null;
  return {
    ...old,
    reactions: reactions.map((reaction) => ({ ...reaction, mine: reaction.mine ?? wasMine(reaction.emoji) })),
  };
}

/** A root counts the replies up to the newest one that it knows. */
function withReply(root: Message, { id, seq, createdAt, sender }: Message): Message {
  const { count, lastReply, viewer } = root.replies ?? { count: 0, lastReply: null, viewer: null };
  if (seq <= (lastReply?.seq ?? 0)) return root;
  return { ...root, replies: { count: count + 1, lastReply: { id, seq, createdAt, sender }, viewer } };
}

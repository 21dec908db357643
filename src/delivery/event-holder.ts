import {
  type ChatEvent,
  changedMessage,
  type EventOf,
  messageOf,
  refersTo,
  withMessage,
} from '../domain/log/chat-events.js';

/** Returns what is held in place of an event from now on: the event itself, or a copy that shows a later state. */
export type Replace = (event: ChatEvent) => ChatEvent;

/** What holds a chat's events for a while. */
export interface EventHolder {
  /** Applies `replace` to each event held. */
  replace(replace: Replace): void;
}

/** The same replacement, by which all holders of an event get the same copy: what is made of it for clients is made once. */
export function sharedCopies(replace: Replace): Replace {
  const copies = new Map<ChatEvent, ChatEvent>();
  return (held) => {
    const known = copies.get(held);
    if (known) return known;
    const replaced = replace(held);
    if (replaced !== held) copies.set(held, replaced);
    return replaced;
  };
}

/**
 * The replacement of events that were held before this one came: they show the message, or the chat, as it does. Undefined for an event
 * that changes neither. Events whose messages refer to it are copied too: what was made of them for clients may show it as it was.
 */
export function replacementBy(change: ChatEvent): Replace | undefined {
  if (change.type === 'chat.updated') return replacementOfChat(change);
  const message = changedMessage(change);
  if (!message) return undefined;
  const copyOf = sharedCopies((held) =>
    messageOf(held)?.seq === message.seq ? withMessage(held, message) : { ...held },
  );
  return (held) => {
    // An event shows a state that is at least as new as itself.
    if (held.seq >= change.seq || held.epoch !== change.epoch) return held;
    const shown = messageOf(held);
    if (!shown || shown === message) return held;
    return shown.seq === message.seq || refersTo(shown, message.seq) ? copyOf(held) : held;
  };
}

function replacementOfChat({ epoch, seq, chat }: EventOf<'chat.updated'>): Replace {
  const copyOf = sharedCopies((held) => (held.type === 'chat.updated' ? { ...held, chat } : held));
  return (held) =>
    held.type === 'chat.updated' && held.epoch === epoch && held.seq < seq && held.chat !== chat ? copyOf(held) : held;
}

// What a client shows of the events of a chat.

interface Message {
  id: string;
  content: string;
  sender: { username: string };
  reactions?: Reaction[];
}

interface Reaction {
  emoji: string;
  count: number;
}

/** An event, from a subscription or from the raw channel, as far as the demo looks at it. */
export interface Event {
  type: string;
  seq: number;
  message?: Message;
  /** Of `message.reactions` on the raw channel, which names the message instead of showing it. */
  messageId?: string;
  reactions?: Reaction[];
}

/** A change of the chat in words. */
export interface Change {
  seq: number;
  messageId: string;
  text: string;
}

/** Undefined for what the demo does not show: a client ignores the events that it does not know. */
export function changeOf({ type, seq, message, ...event }: Event): Change | undefined {
  const messageId = event.messageId ?? message?.id ?? '';
  if (type === 'message.reactions') {
    const reactions = event.reactions ?? message?.reactions ?? [];
    return { seq, messageId, text: reactions.map(({ emoji, count }) => `${emoji} ${count}`).join(', ') };
  }
  const who = message?.sender.username;
  if (type === 'message.created') return { seq, messageId, text: `${who}: ${message?.content}` };
  if (type === 'message.edited') return { seq, messageId, text: `${who} (edited): ${message?.content}` };
  if (type === 'message.deleted') return { seq, messageId, text: `${who}: (deleted)` };
  return undefined;
}

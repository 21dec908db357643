import type { ChatState } from '../domain/mine/chat-states.js';

/** What a chat is to one of its members, as JSON. The frame around it names the chat. */
export function chatStateOnWire({ readSeq, unread, notify, hidden, mutedUntil, role }: ChatState) {
  const { messages, capped, mentions, threads, firstSeq } = unread;
  return { readSeq, unread: { messages, capped, mentions, threads, firstSeq }, notify, hidden, mutedUntil, role };
}

import { messageEntry } from '../../src/domain/log/chat-events.js';
import type { ChatMessage } from '../../src/domain/log/chat-message.js';
import { messageCreated } from '../../src/domain/log/events/message-created.js';

/** The event of a message's creation. */
export function createdEvent(epoch: string, message: ChatMessage) {
  return messageCreated.event(messageEntry(epoch, message));
}

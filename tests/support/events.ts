import { messageEntry } from '../../src/domain/log/chat-events.js';
import { type ChatMessage, NO_EXTRAS } from '../../src/domain/log/chat-message.js';
import { messageCreated } from '../../src/domain/log/events/message-created.js';
import { messageDeleted } from '../../src/domain/log/events/message-deleted.js';
import { messageEdited } from '../../src/domain/log/events/message-edited.js';

/** The event of a message's creation. */
export function createdEvent(epoch: string, message: ChatMessage) {
  return messageCreated.event(messageEntry(epoch, message));
}

/** The event of a message's edit, the first unless told otherwise. */
export function editedEvent(epoch: string, seq: number, message: ChatMessage, content: string, revision = 1) {
  const edited = { ...message, content, extras: { ...NO_EXTRAS, revision, editedAt: message.createdAt } };
  return messageEdited.event({ ...changeOf(epoch, seq, message), type: 'message.edited', message: edited });
}

/** The event of a message's deletion. */
export function deletedEvent(epoch: string, seq: number, message: ChatMessage) {
  const tombstone = { ...message, content: '', nonce: null, extras: { ...NO_EXTRAS, deletedAt: message.createdAt } };
  return messageDeleted.event({ ...changeOf(epoch, seq, message), type: 'message.deleted', message: tombstone });
}

function changeOf(epoch: string, seq: number, { chatId, createdAt, sender }: ChatMessage) {
  return { chatId, epoch, seq, at: createdAt, actor: sender };
}

import type { StoredMessage } from './messages.js';

/** A message as the service's raw channel sends it, so that every target has the same bytes to deliver. */
export function createdOnWire({ seq, epoch, createdAt, sender, ...rest }: StoredMessage) {
  const message = { id: rest.id, seq, content: rest.content, createdAt, sender };
  return { type: 'message.created', seq, cursor: `${epoch}:${seq}`, at: createdAt, actor: sender, message };
}

export function ackOnWire(id: unknown, { seq, createdAt, sender, ...rest }: StoredMessage) {
  return { type: 'ack', id, message: { id: rest.id, seq, content: rest.content, createdAt, sender } };
}

import type { LoggedChat } from '../domain/log/logged-chat.js';

export function chatOnWire({ id, name, kind, visibility, topic, postingRole, slowSeconds, ...chat }: LoggedChat) {
  const { invites, archivedAt, metadata } = chat;
  return { id, name, kind, visibility, topic, postingRole, slowSeconds, invites, archivedAt, metadata };
}

import type { ChatInfo, UserRef } from '@chat-api/client';

/** A direct chat is called by its other user: its own name is for machines. */
export function chatTitle({ chat, peer }: { chat: ChatInfo; peer: UserRef | null }): string {
  if (chat.kind !== 'direct') return chat.name;
  return peer?.username ?? 'Yourself';
}

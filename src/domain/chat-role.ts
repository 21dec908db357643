/** What a member may be in a chat, from the least to the most. `chats/rights.ts` says what each may do. */
export const CHAT_ROLES = ['reader', 'member', 'moderator', 'owner'] as const;
export type ChatRole = (typeof CHAT_ROLES)[number];

export function isChatRole(value: unknown): value is ChatRole {
  return CHAT_ROLES.some((role) => role === value);
}

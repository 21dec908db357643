/** A direct chat has exactly two members, for ever. `chats/rights.ts` says what is different in it. */
export const CHAT_KINDS = ['group', 'direct'] as const;
export type ChatKind = (typeof CHAT_KINDS)[number];

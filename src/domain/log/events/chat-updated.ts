import { list, oneOf } from './facts.js';
import { defineKind } from './kind.js';

/** The names of what `chat.updated` says to have changed. */
export const CHAT_SETTINGS = [
  ...(['name', 'topic', 'visibility', 'postingRole', 'slowSeconds', 'invites'] as const),
  ...(['receipts', 'retentionDays', 'metadata', 'externalId', 'archived'] as const),
] as const;
export type ChatSetting = (typeof CHAT_SETTINGS)[number];

const changed = list(oneOf(...CHAT_SETTINGS));

/** Settings of the chat are others. Shows the chat as it is now. */
export const chatUpdated = defineKind({
  type: 'chat.updated',
  refers: ['chat'],
  facts: { changed },
  fill: ({ chat, facts }) => ({ chat, changed: facts.changed }),
});

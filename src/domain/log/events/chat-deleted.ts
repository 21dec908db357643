import { defineKind } from './kind.js';

/** The chat was deleted. The last event of its log. */
export const chatDeleted = defineKind({
  type: 'chat.deleted',
  refers: [],
  facts: {},
  fill: () => ({}),
  ends: () => ({ of: 'all' }),
});

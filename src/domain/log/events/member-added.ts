import { defineKind } from './kind.js';

export const memberAdded = defineKind({
  type: 'member.added',
  refers: ['subject', 'membership'],
  facts: {},
  fill: ({ subject, membership, at }) => ({ member: { user: subject, ...membership, joinedAt: at } }),
});

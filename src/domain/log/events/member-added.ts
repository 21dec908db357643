import { defineKind } from './kind.js';

export const memberAdded = defineKind({
  type: 'member.added',
  refers: ['subject', 'membership'],
  facts: {},
  fill: ({ subject, membership: { role }, at }) => ({ member: { user: subject, role, joinedAt: at } }),
});

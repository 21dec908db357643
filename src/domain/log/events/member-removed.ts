import { defineKind } from './kind.js';

export const memberRemoved = defineKind({
  type: 'member.removed',
  refers: ['subject'],
  facts: {},
  fill: ({ subject }) => ({ user: subject }),
  ends: ({ user }) => ({ of: 'user', userId: user.id }),
});

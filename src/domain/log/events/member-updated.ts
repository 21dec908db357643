import { defineKind } from './kind.js';

/** A member has another role. */
export const memberUpdated = defineKind({
  type: 'member.updated',
  refers: ['subject', 'membership'],
  facts: {},
  fill: ({ subject, membership }) => ({ member: { user: subject, ...membership } }),
});

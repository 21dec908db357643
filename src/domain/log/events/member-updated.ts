import { defineKind } from './kind.js';

/** A member has another role, is muted, or is not any more. */
export const memberUpdated = defineKind({
  type: 'member.updated',
  refers: ['subject', 'membership'],
  facts: {},
  fill: ({ subject, membership }) => ({ member: { user: subject, ...membership } }),
});

import { oneOf, optional, time } from './facts.js';
import { defineKind } from './kind.js';

/** Why a membership ended. */
export const REMOVAL_CAUSES = ['left', 'removed', 'banned', 'erased'] as const;
export type RemovalCause = (typeof REMOVAL_CAUSES)[number];

// Removals of before there were causes have none; nobody left by themselves then. `until` is of a ban that ends.
const FACTS = { cause: optional(oneOf(...REMOVAL_CAUSES)), until: optional(time) };

export const memberRemoved = defineKind({
  type: 'member.removed',
  refers: ['subject'],
  facts: FACTS,
  fill: ({ subject, facts: { cause = 'removed', until = null } }) => ({ user: subject, cause, until }),
  ends: ({ user }) => ({ of: 'user', userId: user.id }),
});

import type { GraphQLResolveInfo } from 'graphql';

/**
 * The extensions of a field whose value is the same for all viewers who may read it. A subscription that selects only such fields is
 * executed once for all its listeners (`streams/shared-events.ts`); any other field makes it run once per listener.
 */
export const SHARED = { sameForAll: true } as const;

/**
 * The same for a field that an event's author sees otherwise, in the event's own message. In a message that this one refers to, it makes
 * the subscription run once per listener.
 */
export const SHARED_BY_OWN_EVENT = { sameForAll: 'in-own-event' } as const;

/** The extensions of a subscription whose items are no events of a log, and may be lost. */
export const TRANSIENT = { isTransient: true } as const;

/** Whether the subscription of this field is marked so. */
export function isTransient({ parentType, fieldName }: Pick<GraphQLResolveInfo, 'parentType' | 'fieldName'>): boolean {
  return parentType.getFields()[fieldName]?.extensions.isTransient === true;
}

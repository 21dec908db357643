/**
 * The extensions of a field whose value is the same for all viewers who may read it. A subscription that selects only such fields is
 * executed once for all its listeners (`streams/shared-events.ts`); any other field makes it run once per listener.
 */
export const SHARED = { sameForAll: true } as const;

import type { InboxChat } from '../../domain/mine/inbox.js';

/** One time of a user as a member of a chat, as far as a client of the inbox is told of it. */
export interface Segment {
  /** The client has the chat's changes up to this number. */
  start: number;
  /** The number of the removal that ends it; undefined for a member of now. */
  end?: number;
  /** The changes up to this number are not delivered but said to be missing. */
  gapTo?: number;
}

/**
 * What is to be delivered of one chat: of each membership since the client's position, the changes up to and including the removal that
 * ended it. With more than `maxMissed` changes in all, a gap in each membership, and its removal.
 */
export function segmentsOf({ seq, isMember, from, changes }: InboxChat, maxMissed: number): Segment[] {
  const segments: Segment[] = [];
  const wasMember = changes[0] === undefined ? isMember : changes[0] < 0;
  if (wasMember) segments.push({ start: from });
  for (const change of changes) {
    const open = segments.at(-1);
    if (change > 0) segments.push({ start: change - 1 });
    else if (open) open.end = -change;
  }
  const missed = segments.reduce((sum, { start, end = seq }) => sum + end - start, 0);
  return missed > maxMissed ? withGaps(segments, seq) : segments;
}

function withGaps(segments: readonly Segment[], head: number): Segment[] {
  return segments.map((segment) => {
    const gapTo = segment.end === undefined ? head : segment.end - 1;
    return gapTo > segment.start ? { ...segment, gapTo } : segment;
  });
}

import { BOUNDS } from './bounds.js';
import type { ConnectionStory, Stories } from './stories.js';
import { seconds, type Violation, violation } from './violation.js';

/** Removal is a barrier: nothing with a higher number reaches who was removed, or is written by who was. */
export function checkMembers(stories: Stories): Violation[] {
  const periods = periodsOf(stories);
  return [
    ...checkWriters(stories, periods),
    ...[...stories.connections.values()].flatMap((connection) => checkBarrier(connection, stories, periods)),
  ];
}

/** Numbers at which a user was added and removed; the second is Infinity for who still is a member. */
export interface Period {
  from: number;
  to: number;
}

/** By user and chat, in their order. */
export type Periods = Map<string, Period[]>;

export function periodsOf(stories: Stories): Periods {
  const periods: Periods = new Map();
  for (const { kind, subject, chat, seq } of stories.database.rows) {
    const key = `${subject} ${chat}`;
    const list = periods.get(key) ?? [];
    periods.set(key, list);
    const last = list.at(-1);
    if (kind === 'member.added') list.push({ from: seq, to: Number.POSITIVE_INFINITY });
    else if (kind === 'member.removed' && last) last.to = seq;
  }
  return periods;
}

/** The numbers alone tell it: each message, and each change of one, lies between its actor's addition and removal. */
function checkWriters(stories: Stories, periods: Periods): Violation[] {
  const outside = stories.database.rows.filter(
    ({ kind, actor, chat, seq }) =>
      // Reactions are summarised later than they were written.
      kind.startsWith('message.') &&
      kind !== 'message.reactions' &&
      !periods.get(`${actor} ${chat}`)?.some(({ from, to }) => from < seq && seq < to),
  );
  return outside.map(({ seq, chat, actor }) =>
    violation('who was removed writes nothing', `${actor} wrote ${seq} in chat ${chat} without being a member`),
  );
}

/**
 * Who sees a number above a removal of theirs must have come in after being added again, and not before that was even
 * asked for. Who was in when the removal happened sees it as the last thing of the stream.
 */
function checkBarrier(
  { opened, started, items, ended }: ConnectionStory,
  stories: Stories,
  periods: Periods,
): Violation[] {
  const { user, chat, listener, connection } = opened;
  const found: Violation[] = [];
  const absences = stories.absencesOf(user, chat);
  const removals = (periods.get(`${user} ${chat}`) ?? []).filter(({ to }) => Number.isFinite(to));
  if (removals.length > absences.length)
    found.push(violation('the harness knows its removals', `${removals.length} written, ${absences.length} asked for`));
  const inSince = Math.min(started?.at ?? Number.POSITIVE_INFINITY, items[0]?.at ?? Number.POSITIVE_INFINITY);

  for (const [index, { to: removal }] of removals.entries()) {
    const absence = absences[index];
    if (!absence || inSince >= absence.additionInvokedAt) continue;
    const beyond = items.find((item) => item.type === 'stream.event' && item.seq > removal);
    if (beyond)
      found.push(
        violation(
          'removal is a barrier',
          `${listener}, connection ${connection}, ${seconds(beyond.at)}: saw ${beyond.cursor}, removed at ${removal}`,
        ),
      );
    const seen = items.find((item) => item.type === 'stream.event' && item.seq === removal);
    const endedInTime = ended && seen && ended.at - seen.at <= BOUNDS.closing;
    if (seen && inSince < absence.removalInvokedAt && !endedInTime)
      found.push(
        violation('a removal ends the stream', `${listener}, connection ${connection}: open after ${seen.cursor}`),
      );
  }
  return found;
}

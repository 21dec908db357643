import { type Change, markOf } from '../entries.js';
import type { ChangeStory, Stories } from './stories.js';
import { seconds, type Violation, violation } from './violation.js';

/** A message that is deleted, by a mark of what it said. */
interface Deleted {
  message: string;
  chat: string;
  /** The number of the deletion. */
  seq: number;
  /** When a deletion was first acknowledged; Infinity if none was. */
  acknowledgedAt: number;
}

/**
 * What a deleted message said, in all its versions and metadata, is nowhere: in no column of the database, in no page of the history,
 * in no change from the number of the deletion on, and in nothing for who connects after the deletion was acknowledged.
 */
export function checkDeletedTexts(stories: Stories): Violation[] {
  const deleted = deletedByMark(stories);
  const found = stories.database.marks.flatMap(({ column, marks }) =>
    marks
      .filter((mark) => deleted.has(mark))
      .map((mark) => violation('what was deleted is nowhere', `"${mark}" is in ${column}`)),
  );
  for (const { listener, connection, openedAt, sightings } of stories.sights)
    for (const { chat, change } of sightings) {
      const told = toldOf(change, deleted).find(
        (each) => each.chat === chat && (change.seq >= each.seq || openedAt > each.acknowledgedAt),
      );
      if (told) {
        const when = `change ${change.seq}, ${seconds(change.at)}; deleted by ${told.seq}, ${seconds(told.acknowledgedAt)}`;
        const who = `${listener}, connection ${connection} (${seconds(openedAt)})`;
        found.push(violation('what was deleted is not told again', `${who}: ${told.message} at ${when}`));
      }
    }
  for (const { chat, service, changes } of stories.histories)
    for (const change of changes)
      for (const { message } of toldOf(change, deleted))
        found.push(
          violation('what was deleted is not told again', `history of ${chat}, service ${service}: ${message}`),
        );
  return found;
}

function toldOf({ marks = [] }: Change, deleted: ReadonlyMap<string, Deleted>): Deleted[] {
  return marks.flatMap((mark) => deleted.get(mark) ?? []);
}

function deletedByMark(stories: Stories): Map<string, Deleted> {
  const changes = stories.changesByMessage;
  const deleted = new Map<string, Deleted>();
  for (const [message, { row, deletedAt: seq }] of stories.messages) {
    if (seq === undefined) continue;
    const ofMessage = changes.get(message) ?? [];
    const one = { message, chat: row.chat, seq, acknowledgedAt: firstDeletion(ofMessage) };
    const edits = ofMessage.filter(({ invoked }) => invoked.act === 'edit').map(({ name }) => name);
    for (const name of [...edits, ...(row.nonce === null ? [] : [row.nonce])]) deleted.set(markOf(name), one);
  }
  return deleted;
}

function firstDeletion(changes: readonly ChangeStory[]): number {
  const times = changes.flatMap(({ invoked, acknowledged }) =>
    invoked.act === 'delete' && acknowledged ? acknowledged.at : [],
  );
  return Math.min(Number.POSITIVE_INFINITY, ...times);
}

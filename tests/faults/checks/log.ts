import type { Change } from '../entries.js';
import { isSameState } from '../view.js';
import type { Stories } from './stories.js';
import { type Violation, violation } from './violation.js';

/**
 * The numbers of every chat are 1..n, and the history query of every service tells the same as the tables: at each number, the message as
 * it is now.
 */
export function checkLog(stories: Stories): Violation[] {
  const found: Violation[] = [];
  for (const { id, name, lastSeq } of stories.database.chats) {
    const log = stories.log(id);
    const wrong = log.findIndex((row, index) => row.seq !== index + 1);
    if (wrong !== -1)
      found.push(violation('numbers are 1..n', `chat ${name} has ${log[wrong]?.seq} in place of ${wrong + 1}`));
    if (lastSeq !== log.length)
      found.push(violation('numbers are 1..n', `chat ${name} says ${lastSeq} and has ${log.length} changes`));
  }
  for (const { chat, service, changes } of stories.histories) {
    const log = stories.log(chat);
    const wrong = log.findIndex((row, index) => {
      const change = changes[index];
      return !change || !isSame(row, change) || !showsPresent(change, stories);
    });
    if (wrong !== -1 || changes.length !== log.length)
      found.push(
        violation(
          'the history query tells what was written',
          `service ${service}, chat ${chat}: ${changes.length} of ${log.length} changes, the first that differs at ${wrong + 1}`,
        ),
      );
  }
  return found;
}

/** Whether both are the same change. What it shows of a message has its own rules. */
export function isSame(a: Change, b: Change): boolean {
  return a.seq === b.seq && a.kind === b.kind && a.subject === b.subject;
}

/** The history is read when nothing changes any more. */
function showsPresent({ subject, message, quote }: Change, stories: Stories): boolean {
  const shown = [message && { id: subject, message }, quote].filter((each) => each !== undefined);
  return shown.every((each) => {
    const now = stories.messages.get(each.id)?.message;
    return now && isSameState(now, each.message);
  });
}

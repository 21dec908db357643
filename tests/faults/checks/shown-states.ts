import type { Change, MessageState } from '../entries.js';
import { grouped, type Stories } from './stories.js';
import { seconds, type Violation, violation } from './violation.js';

/**
 * A change at a number shows the message as it was after that number or after a later one, and to one listener a message never goes
 * back, over all its connections. The message that it quotes is shown as it was after that number or later.
 */
export function checkShownStates(stories: Stories): Violation[] {
  const found: Violation[] = [];
  for (const [listener, sights] of grouped(stories.sights, (sight) => sight.listener)) {
    /** Of each message, the index of the moment that was shown last. */
    const reached = new Map<string, number>();
    for (const { connection, sightings } of sights)
      for (const { change } of sightings) {
        const where = `${listener}, connection ${connection}, ${seconds(change.at)}, change ${change.seq}`;
        found.push(...judgeChange(change, stories, reached, where));
      }
  }
  return found;
}

function judgeChange(change: Change, stories: Stories, reached: Map<string, number>, where: string): Violation[] {
  const { seq, subject, message, quote } = change;
  const found: Violation[] = [];
  if (message) {
    const before = reached.get(subject) ?? 0;
    const { rule, index } = judge(stories, subject, message, seq, before);
    if (rule !== undefined) found.push(violation(rule, describe(where, subject, message, stories)));
    reached.set(subject, Math.max(before, index ?? 0));
  }
  if (quote) {
    const { rule } = judge(stories, quote.id, quote.message, seq, 0);
    if (rule !== undefined) found.push(violation(rule, `quoted: ${describe(where, quote.id, quote.message, stories)}`));
  }
  return found;
}

interface Judgement {
  rule?: string;
  index?: number;
}

/** @param before the index of the moment that the listener has seen */
function judge(stories: Stories, id: string, shown: MessageState, seq: number, before: number): Judgement {
  const history = stories.messages.get(id);
  const now = history?.momentAt(seq) ?? 0;
  const index = history?.find(shown, Math.max(now, before));
  if (index !== undefined) return { index };
  if (history?.find(shown, now) !== undefined) return { rule: 'no message goes back' };
  if (history?.find(shown, 0) !== undefined) return { rule: 'a change shows its message as new as itself' };
  return { rule: 'a change is what was written' };
}

function describe(where: string, id: string, shown: MessageState, stories: Stories): string {
  return `${where}: showed message ${id} as ${JSON.stringify(shown)}; it is ${JSON.stringify(stories.messages.get(id)?.message)}`;
}

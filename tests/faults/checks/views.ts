import type { MessageState } from '../entries.js';
import { isSameState, viewOf } from '../view.js';
import type { ConnectionStory, Stories } from './stories.js';
import { type Violation, violation } from './violation.js';

/** Who has seen all changes of a chat and folded them has the messages as the database has them. */
export function checkViews(stories: Stories): Violation[] {
  const found: Violation[] = [];
  const heads = new Map(stories.finished.map(({ listener, seq, head }) => [listener, seq === head]));
  for (const [listener, connections] of stories.byListener()) {
    // Who did not reach the head is found elsewhere.
    if (!heads.get(listener)) continue;
    const wrong = firstDifference(connections, stories);
    if (wrong !== undefined) found.push(violation("a client's view equals the database", `${listener}: ${wrong}`));
  }
  return found;
}

function firstDifference(connections: readonly ConnectionStory[], stories: Stories): string | undefined {
  const changes = connections.flatMap(({ items }) => items.filter((item) => item.type === 'stream.event'));
  const [connection] = connections;
  if (!connection || changes.length === 0) return undefined;
  const first = changes.reduce((lowest, { seq }) => Math.min(lowest, seq), Number.POSITIVE_INFINITY);
  const view = viewOf(changes);
  const kept = stories
    .log(connection.opened.chat)
    .filter(({ kind, seq }) => kind === 'message.created' && seq >= first);
  for (const { subject, message } of kept) {
    const seen = view.get(subject);
    if (!message || !seen || !isSameState(seen, message)) return spell(subject, seen, message);
  }
  const known = new Set(kept.map(({ subject }) => subject));
  const more = [...view].find(([id]) => !known.has(id));
  return more && spell(more[0], more[1], undefined);
}

function spell(id: string, seen: MessageState | undefined, kept: MessageState | undefined): string {
  return `message ${id} is ${JSON.stringify(seen)} in the view and ${JSON.stringify(kept)} in the database`;
}

import { isSame } from './log.js';
import type { ConnectionStory, Stories } from './stories.js';
import { seconds, type Violation, violation } from './violation.js';

/** Every listener sees every change once, in order, as the history has it, from its cursor to the head. */
export function checkStreams(stories: Stories): Violation[] {
  const epochs = new Map(stories.database.chats.map(({ id, epoch }) => [id, epoch]));
  const found: Violation[] = [];
  for (const connections of stories.byListener().values()) {
    let position: number | undefined;
    for (const connection of connections) {
      const walk = walkConnection(connection, stories, epochs.get(connection.opened.chat) ?? '', position);
      position = walk.position;
      found.push(...walk.found);
    }
  }
  for (const { listener, seq, head } of stories.finished)
    if (seq !== head)
      found.push(violation('everybody reaches the head', `${listener} stands at ${seq}, its chat at ${head}`));
  return found;
}

interface Walk {
  position: number | undefined;
  found: Violation[];
}

/** Follows one connection; `before` is where the listener's connection before this one ended. */
function walkConnection(
  connection: ConnectionStory,
  stories: Stories,
  epoch: string,
  before: number | undefined,
): Walk {
  const { opened, started, items } = connection;
  const found: Violation[] = [];
  const complain = (rule: string, what: string, at: number) =>
    found.push(violation(rule, `${opened.listener}, connection ${opened.connection}, ${seconds(at)}: ${what}`));
  const seqOf = (cursor: string, at: number) => {
    const [cursorEpoch, seq] = cursor.split(':');
    if (cursorEpoch !== epoch) complain('a cursor is of the history it came from', `${cursor} in epoch ${epoch}`, at);
    return Number(seq);
  };

  let position = opened.after === null ? undefined : seqOf(opened.after, opened.at);
  // A harness that forgot its cursor would prove nothing.
  if (before !== undefined && position !== before)
    complain('the harness keeps its cursor', `came back with ${position} after ${before}`, opened.at);
  if (started) {
    const start = seqOf(started.cursor, started.at);
    if (position !== undefined && start !== position)
      complain('a stream starts at its cursor', `asked for ${position}, hello says ${start}`, started.at);
    position ??= start;
  }

  const log = stories.log(opened.chat);
  for (const item of items) {
    const seq = seqOf(item.cursor, item.at);
    if (item.type === 'stream.reset') {
      complain('no history was replaced', `reset to ${item.cursor}`, item.at);
      position = seq;
      continue;
    }
    if (item.type === 'stream.live') {
      if (seq !== position) complain('no stream lies', `live at ${seq}, delivered up to ${position}`, item.at);
      continue;
    }
    if (seq !== item.seq)
      complain('a cursor names its change', `change ${item.seq} has cursor ${item.cursor}`, item.at);
    if (position !== undefined && item.seq !== position + 1)
      complain(item.seq <= position ? 'no repetition' : 'no hole', `${item.seq} after ${position}`, item.at);
    const row = log[item.seq - 1];
    if (!row || !isSame(row, item))
      complain('a change is what was written', `saw ${JSON.stringify(item)}, written ${JSON.stringify(row)}`, item.at);
    position = Math.max(position ?? 0, item.seq);
  }
  return { position: position ?? before, found };
}

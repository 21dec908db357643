import type { MessageAct, MessageChangeKind, MessageState } from '../entries.js';
import type { MessageHistory } from './message-history.js';
import { type ChangeStory, grouped, isUnanswered, type Stories } from './stories.js';
import { seconds, type Violation, violation } from './violation.js';

/**
 * Every acknowledged change of a message was made, with what was told of it, and nobody else changes anything.
 *
 * An attempt that was not answered allows more: it has its effect at any later time, or never. So an edit may be there several times,
 * at most once for each such attempt and once for the answer; and after it the message may say what it says, although others edited it since.
 */
export function checkChanges(stories: Stories): Violation[] {
  const byMessage = stories.changesByMessage;
  return [
    ...checkAnswers(stories),
    ...[...stories.messages].flatMap(([id, history]) => {
      const changes = byMessage.get(id) ?? [];
      return [
        ...checkLife(history),
        ...checkAuthors(history, changes),
        ...checkVersions(history, changes),
        ...checkLast(id, history, changes, stories),
      ];
    }),
    ...checkDeletedTogether(stories, byMessage),
  ];
}

/** A change is answered with its messages as they are then, and to one client they never go back. */
function checkAnswers(stories: Stories): Violation[] {
  const found: Violation[] = [];
  for (const changes of grouped(stories.changes.values(), ({ client }) => client).values()) {
    const reached = new Map<string, number>();
    for (const change of changes) {
      const { acknowledged, invoked, settledAt } = change;
      if (!acknowledged) {
        if (!Number.isFinite(settledAt))
          found.push(violation('every change is answered in the end', `${nameOf(change)} never was`));
        continue;
      }
      const ids = acknowledged.shown.map(({ id }) => id);
      const areAsked = JSON.stringify(ids) === JSON.stringify(invoked.messages);
      const isTold = acknowledged.shown.every(({ id, message }) => {
        const index = stories.messages.get(id)?.find(message, reached.get(id) ?? 0);
        reached.set(id, index ?? 0);
        return index !== undefined && isDone(change, message);
      });
      if (!areAsked || !isTold)
        found.push(
          violation('an answer shows what was changed', `${nameOf(change)}: ${JSON.stringify(acknowledged.shown)}`),
        );
    }
  }
  return found;
}

/** The message looks as after the change. Reactions of one user's two clients may be answered together. */
function isDone({ invoked: { act, content } }: ChangeStory, message: MessageState): boolean {
  switch (act) {
    case 'edit':
      return message.content === content;
    case 'delete':
      return message.isDeleted === true;
    case 'pin':
      return message.pinnedBy !== undefined;
    case 'unpin':
      return message.pinnedBy === undefined;
    case 'react':
    case 'take back':
      return true;
  }
}

/** The log and the tables tell the same, a repeated change takes no number, and nothing happens to a deleted message. */
function checkLife({ row, message, changes, last }: MessageHistory): Violation[] {
  const found: Violation[] = [];
  const what = `message ${row.subject}: ${changes.map(({ seq, kind }) => `${seq} ${kind}`).join(', ')}`;
  const pins = changes
    .map(({ kind }) => kind)
    .filter((kind) => kind === 'message.pinned' || kind === 'message.unpinned');
  if (pins.some((kind, index) => kind !== (index % 2 === 0 ? 'message.pinned' : 'message.unpinned')))
    found.push(violation('a repeated change takes no number', what));
  const deletion = changes.findIndex(({ kind }) => kind === 'message.deleted');
  if (deletion !== -1 && deletion !== changes.length - 1)
    found.push(violation('nothing happens to a deleted message', what));
  const isAsLogged =
    (message.revision ?? 0) === last.revision &&
    (message.isDeleted ?? false) === last.isDeleted &&
    (message.pinnedBy !== undefined) === last.isPinned;
  if (!isAsLogged) found.push(violation('the tables tell what the log tells', `${what}; ${JSON.stringify(message)}`));
  const { content, mentions, metadata, reactions } = message;
  const hasKept =
    content !== '' || mentions || metadata !== undefined || reactions || row.versions?.some((each) => each !== null);
  if (message.isDeleted && hasKept)
    found.push(violation('a deleted message keeps nothing', `${what}; ${JSON.stringify(row)}`));
  return found;
}

const ACTS: Record<MessageChangeKind, readonly MessageAct[]> = {
  'message.edited': ['edit'],
  'message.deleted': ['delete'],
  'message.pinned': ['pin'],
  'message.unpinned': ['unpin'],
  'message.reactions': ['react', 'take back'],
};

/** Each change of the log was asked for by its actor. Summaries of reactions of several users have none. */
function checkAuthors({ row, changes }: MessageHistory, asked: readonly ChangeStory[]): Violation[] {
  const foreign = changes.filter(({ kind, actor }) => {
    const acts = isMessageChange(kind) ? ACTS[kind] : [];
    const mayBeAnybody = kind === 'message.reactions' && actor === null;
    return !asked.some(({ user, invoked }) => acts.includes(invoked.act) && (user === actor || mayBeAnybody));
  });
  return foreign.map(({ seq, kind, actor }) =>
    violation('nobody else changes a message', `${kind} ${seq} of ${row.subject} by ${actor} was not asked for`),
  );
}

function isMessageChange(kind: string): kind is MessageChangeKind {
  return kind in ACTS;
}

/** What a message said is what was sent and then edits of its sender, those that were acknowledged among them. */
function checkVersions({ row, message }: MessageHistory, changes: readonly ChangeStory[]): Violation[] {
  const { versions = [] } = row;
  const found: Violation[] = [];
  const edits = changes.filter(({ invoked }) => invoked.act === 'edit');
  for (const content of versions.slice(1))
    if (content !== null && !edits.some(({ user, invoked }) => invoked.content === content && user === message.sender))
      found.push(violation('nobody else changes a message', `message ${row.subject} says "${content}"`));
  if (message.isDeleted) return found;
  for (const edit of edits) {
    const { acknowledged, attempts } = edit;
    const times = versions.filter((content) => content === edit.invoked.content).length;
    const possible = attempts.filter(isUnanswered).length + (acknowledged ? 1 : 0);
    if (acknowledged && times === 0)
      found.push(violation('nothing acknowledged is lost', `${nameOf(edit)} of ${row.subject} is gone`));
    if (times > possible)
      found.push(violation('a change is made once', `${nameOf(edit)} is ${times} times in message ${row.subject}`));
    const [shown] = acknowledged?.shown ?? [];
    if (shown && versions[shown.message.revision ?? 0] !== edit.invoked.content)
      found.push(violation('an answer shows what was changed', `${nameOf(edit)} was told another revision`));
  }
  return found;
}

/** What a message says, whether it is pinned or deleted, and who reacted, is of a change that no later one overrides. */
function checkLast(
  id: string,
  { row, message }: MessageHistory,
  changes: readonly ChangeStory[],
  stories: Stories,
): Violation[] {
  const deletions = changes.filter(({ invoked }) => invoked.act === 'delete');
  if (!message.isDeleted && deletions.some(({ acknowledged }) => acknowledged))
    return [violation('nothing acknowledged is lost', `message ${id} was deleted and is there`)];
  if (message.isDeleted) return [];
  const found: Violation[] = [];
  const complain = (what: string) => found.push(violation('the last change holds', `message ${id}: ${what}`));

  const edits = changes.filter(({ invoked }) => invoked.act === 'edit');
  const original = stories.sends.get(row.nonce ?? '')?.content;
  // A message that nobody sent is found elsewhere.
  if (original !== undefined && !mayHold(edits, ({ invoked }) => invoked.content, original, message.content))
    complain(`says "${message.content}"`);

  const pins = changes.filter(({ invoked }) => invoked.act === 'pin' || invoked.act === 'unpin');
  const isPinned = message.pinnedBy !== undefined;
  if (!mayHold(pins, ({ invoked }) => invoked.act === 'pin', false, isPinned)) complain(`pinned: ${isPinned}`);

  const reactions = changes.filter(({ invoked }) => invoked.act === 'react' || invoked.act === 'take back');
  const rows = new Set(
    stories.database.reactions.filter((each) => each.message === id).map(({ user, emoji }) => `${user} ${emoji}`),
  );
  for (const [key, ofOne] of grouped(reactions, ({ user, invoked }) => `${user} ${invoked.emoji}`)) {
    if (!mayHold(ofOne, ({ invoked }) => invoked.act === 'react', false, rows.has(key)))
      complain(`reaction ${key}: ${rows.has(key)}`);
    rows.delete(key);
  }
  for (const key of rows) found.push(violation('nobody else changes a message', `message ${id}: reaction ${key}`));
  return found;
}

/**
 * Whether a value may be the last one: the first, or that of a change which nothing overrides that was asked for after its end and
 * acknowledged. A change with an attempt that was not answered has no end.
 */
function mayHold<Value>(
  changes: readonly ChangeStory[],
  heldBy: (change: ChangeStory) => Value,
  first: Value,
  value: Value,
): boolean {
  const lastAcknowledged = Math.max(
    Number.NEGATIVE_INFINITY,
    ...changes.filter(({ acknowledged }) => acknowledged).map(({ invoked }) => invoked.at),
  );
  const isFirst = first === value && lastAcknowledged === Number.NEGATIVE_INFINITY;
  return isFirst || changes.some((change) => heldBy(change) === value && endOf(change) >= lastAcknowledged);
}

/** When a change had its effect at the latest; never for one that was refused and nothing else. */
function endOf({ attempts, acknowledged, invoked }: ChangeStory): number {
  if (attempts.some(isUnanswered)) return Number.POSITIVE_INFINITY;
  return acknowledged ? Math.max(acknowledged.at, invoked.at) : Number.NEGATIVE_INFINITY;
}

/** The messages of one deletion that nobody else deletes are deleted under adjacent numbers, in their order. */
function checkDeletedTogether(stories: Stories, byMessage: ReadonlyMap<string, ChangeStory[]>): Violation[] {
  const found: Violation[] = [];
  for (const change of stories.changes.values()) {
    const { invoked, acknowledged } = change;
    if (invoked.act !== 'delete' || !acknowledged) continue;
    const own = invoked.messages.filter(
      (id) => byMessage.get(id)?.filter(({ invoked: other }) => other.act === 'delete').length === 1,
    );
    const histories = own.flatMap((id) => stories.messages.get(id) ?? []).sort((a, b) => a.row.seq - b.row.seq);
    const numbers = histories.map(({ deletedAt }) => deletedAt ?? 0);
    const [first = 0] = numbers;
    if (own.length === invoked.messages.length && numbers.some((seq, index) => seq !== first + index))
      found.push(violation('a deletion of several is one change', `${nameOf(change)} has the numbers ${numbers}`));
  }
  return found;
}

function nameOf({ name, invoked }: ChangeStory): string {
  return `${invoked.act} ${name} (${seconds(invoked.at)})`;
}

import type { ReactionRow } from '../database-state.js';
import type { ReactionState } from '../entries.js';
import type { MessageHistory } from './message-history.js';
import { grouped, type Stories } from './stories.js';
import { type Violation, violation } from './violation.js';

/** What is counted once and kept equals a recount: the replies of threads, and the summaries of reactions. */
export function checkCounts(stories: Stories): Violation[] {
  return [...checkThreads(stories), ...checkSummaries(stories)];
}

function checkThreads(stories: Stories): Violation[] {
  const rule = 'counts of replies equal a recount';
  const found: Violation[] = [];
  const replies = grouped(
    [...stories.messages.values()].filter(({ message }) => message.thread !== undefined),
    ({ message }) => message.thread ?? '',
  );
  for (const { root, replyCount, lastReply } of stories.database.threads) {
    const standing = (replies.get(root) ?? []).filter(({ message }) => !message.isDeleted);
    const newest = standing.at(-1)?.row.subject ?? null;
    if (replyCount !== standing.length || lastReply !== newest)
      found.push(
        violation(rule, `thread ${root}: ${replyCount} of ${standing.length}, last ${lastReply} of ${newest}`),
      );
  }
  const known = new Set(stories.database.threads.map(({ root }) => root));
  for (const root of replies.keys())
    if (!known.has(root)) found.push(violation(rule, `message ${root} has replies and no thread`));
  return found;
}

function checkSummaries(stories: Stories): Violation[] {
  const { reactions, unsummarised } = stories.database;
  const found: Violation[] = [];
  if (unsummarised > 0)
    found.push(violation('every reaction is summarised in the end', `${unsummarised} messages wait for it`));
  const byMessage = grouped(reactions, ({ message }) => message);
  for (const [id, history] of stories.messages) {
    const rows = byMessage.get(id) ?? [];
    if (!isSummaryOf(history, rows))
      found.push(
        violation(
          'summaries of reactions equal their rows',
          `message ${id}: ${JSON.stringify(history.message.reactions)} of ${JSON.stringify(rows)}`,
        ),
      );
  }
  return found;
}

/** The most users that a summary names. */
const MAX_USERS = 20;

/** Reactions of one millisecond may be in any order. */
function isSummaryOf({ message: { reactions = [] } }: MessageHistory, rows: readonly ReactionRow[]): boolean {
  const byEmoji = grouped(rows, ({ emoji }) => emoji);
  return reactions.length === byEmoji.size && reactions.every((each) => isCount(each, byEmoji.get(each.emoji) ?? []));
}

function isCount({ count, users = [] }: ReactionState, rows: readonly ReactionRow[]): boolean {
  const reactors = new Set(rows.map(({ user }) => user));
  return (
    count === reactors.size &&
    users.length === Math.min(count, MAX_USERS) &&
    users.every((user) => reactors.has(user)) &&
    new Set(users).size === users.length
  );
}

import { type Attempt, type ChangeStory, isUnanswered, type RequestStory, type Stories } from './stories.js';

type Refusal = Extract<NonNullable<Attempt['outcome']>, { code: string }>;

/** The most calls for reactions of one user within a minute, at one process. */
const REACTION_CALLS = 60;
/** The most edits of a message within a minute. */
const EDITS = 10;
const MINUTE_MS = 60_000;

/** Whether what others did to the message, or how much the user did, explains a refusal. */
export function isRefusalOfMessage(
  stories: Stories,
  request: RequestStory,
  attempt: Attempt,
  { code, rule, at }: Refusal,
): boolean {
  const change = stories.changes.get(request.name);
  const subjects = change ? change.invoked.messages : (stories.sends.get(request.name)?.refersTo ?? []);
  const mayBeDeleted = subjects.some((id) => wasDeletionAsked(stories, id, at));
  if (code === 'CONFLICT' && rule === 'message.deleted') return mayBeDeleted;
  // Of a reply: a deleted message without replies is the root of no thread.
  if (code === 'BAD_USER_INPUT') return !change && mayBeDeleted;
  if (!change) return false;
  if (code === 'CONFLICT' && rule === undefined) return wasEditedSince(stories, change, attempt);
  if (code !== 'RATE_LIMITED') return false;
  if (rule === 'reaction.rate') return reactionCalls(stories, request.user, attempt) >= REACTION_CALLS;
  const [message = ''] = subjects;
  return rule === 'edit.rate' && (stories.messages.get(message)?.last.revision ?? 0) >= EDITS;
}

function wasDeletionAsked(stories: Stories, message: string, until: number): boolean {
  return (stories.changesByMessage.get(message) ?? []).some(
    ({ invoked }) => invoked.act === 'delete' && invoked.at <= until,
  );
}

/** Another edit took the revision's place; or this one did, by an attempt before that was not answered. */
function wasEditedSince(stories: Stories, { invoked, attempts }: ChangeStory, attempt: Attempt): boolean {
  const { revision, content } = invoked;
  const [message = ''] = invoked.messages;
  const history = stories.messages.get(message);
  if (revision === undefined || !history || history.last.revision <= revision) return false;
  const isBySelf = history.row.versions?.[revision + 1] === content;
  return !isBySelf || attempts.slice(0, attempts.indexOf(attempt)).some(isUnanswered);
}

function reactionCalls(stories: Stories, user: string, { service, invokedAt }: Attempt): number {
  const calls = [...stories.changes.values()]
    .filter((each) => each.user === user && (each.invoked.act === 'react' || each.invoked.act === 'take back'))
    .flatMap(({ attempts }) => attempts);
  return calls.filter(
    (call) => call.service === service && call.invokedAt < invokedAt && call.invokedAt > invokedAt - MINUTE_MS,
  ).length;
}

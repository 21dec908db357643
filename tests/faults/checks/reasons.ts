import { BOUNDS } from './bounds.js';
import { isRefusalOfMessage } from './refusals.js';
import {
  type Attempt,
  type ConnectionStory,
  type InboxConnectionStory,
  type RequestStory,
  type Stories,
  TRY_AGAIN,
} from './stories.js';
import { seconds, type Violation, violation } from './violation.js';

/**
 * Nothing fails without a fault that explains it: no refusal, no lost answer, no closed socket. A service that loses nothing
 * by turning everybody away would pass the other checks.
 */
export function checkReasons(stories: Stories): Violation[] {
  return [
    ...stories.exits.map(({ service, how, at }) =>
      violation('no process ends', `service ${service} ended by itself at ${seconds(at)}: ${how}`),
    ),
    ...stories.requests.flatMap((request) =>
      request.attempts.map((attempt) => judgeAttempt(request, attempt, stories)),
    ),
    ...[...stories.connections.values()].map((connection) => judgeEnd(connection, stories)),
    ...[...stories.inboxConnections.values()].map((connection) => judgeEndOfInbox(connection, stories)),
  ].filter((found) => found !== undefined);
}

function judgeAttempt(request: RequestStory, attempt: Attempt, stories: Stories): Violation | undefined {
  const { service, edge, invokedAt, outcome } = attempt;
  if (!outcome) return undefined;
  const what = `${request.name}, ${edge}, service ${service}, ${seconds(invokedAt)}`;
  if (outcome.type === 'send.lost' || outcome.type === 'change.lost') {
    if (wasDown(stories, service, invokedAt, outcome.at)) return undefined;
    return violation('a living service answers', `${what}: ${outcome.reason}`);
  }
  const tookMs = outcome.at - invokedAt;
  if (tookMs > BOUNDS.answer && !wasDown(stories, service, invokedAt, outcome.at))
    return violation('a request is answered within 3 s', `${what}: after ${tookMs.toFixed(0)} ms`);
  if (outcome.type === 'send.acknowledged' || outcome.type === 'change.acknowledged') return undefined;
  if (isRefusalExplained(stories, outcome.code, request, invokedAt, outcome.at)) return undefined;
  if (isRefusalOfMessage(stories, request, attempt, outcome)) return undefined;
  return violation('nobody is refused without a reason', `${what}: ${outcome.code} ${outcome.rule ?? ''}`);
}

function judgeEnd({ opened, started, items, ended }: ConnectionStory, stories: Stories): Violation | undefined {
  if (!ended || isEndExplained(opened, ended, stories)) return undefined;
  const { user, chat, at: openedAt } = opened;
  if (ended.type === 'stream.refused') {
    if (isRefusalExplained(stories, ended.code, { user, chat }, openedAt, ended.at)) return undefined;
  } else if (ended.code === '4410' || ended.code === 'complete') {
    const wasRemoval = items.some(
      (item) => item.type === 'stream.event' && item.kind === 'member.removed' && item.subject === user,
    );
    // Without having seen it: who was let in and was removed before the stream began.
    if (wasRemoval || (!started && stories.mayBeAbsent(user, chat, openedAt, ended.at))) return undefined;
  }
  return unexplained(opened, ended);
}

/** A removal ends a chat of an inbox, and not the inbox. */
function judgeEndOfInbox({ opened, ended }: InboxConnectionStory, stories: Stories): Violation | undefined {
  return !ended || isEndExplained(opened, ended, stories) ? undefined : unexplained(opened, ended);
}

type Opened = (ConnectionStory | InboxConnectionStory)['opened'];
type Ended = NonNullable<ConnectionStory['ended']>;

/** What is broken explains the end, whoever listens to whatever. */
function isEndExplained({ listener, service, at: openedAt }: Opened, ended: Ended, stories: Stories): boolean {
  const { code, at } = ended;
  const isBroken = () =>
    wasDown(stories, service, openedAt, at) || wereClientsDisturbed(stories, listener, openedAt, at);
  if (ended.type === 'stream.refused')
    return code === 'UNREACHABLE' ? isBroken() : code === TRY_AGAIN && wasDatabaseAway(stories, openedAt, at);
  switch (code) {
    // A change could not be read whole.
    case 'error':
      return ended.reason === TRY_AGAIN && wasDatabaseAway(stories, openedAt, at);
    case '1013':
      return wasDatabaseAway(stories, openedAt, at) || wereClientsDisturbed(stories, listener, openedAt, at);
    case '1006':
      return isBroken();
    default:
      return false;
  }
}

function unexplained({ listener, connection, service }: Opened, ended: Ended): Violation {
  const what = `${listener}, connection ${connection}, service ${service}, ${seconds(ended.at)}: ${ended.code}`;
  return ended.type === 'stream.refused'
    ? violation('nobody is refused without a reason', what)
    : violation('no socket closes without a reason', `${what} ${ended.reason}`);
}

function isRefusalExplained(
  stories: Stories,
  code: string,
  { user, chat }: { user: string; chat: string },
  from: number,
  to: number,
): boolean {
  if (code === TRY_AGAIN) return wasDatabaseAway(stories, from, to);
  if (code === 'NOT_FOUND') return stories.mayBeAbsent(user, chat, from, to);
  return false;
}

/** True when the service's process was dead at some moment of this time. */
function wasDown(stories: Stories, service: number, from: number, to: number): boolean {
  return stories.faultsDuring('service', from, to).some((fault) => fault.service === service);
}

function wasDatabaseAway(stories: Stories, from: number, to: number): boolean {
  return stories.faultsDuring('postgres', from, to, BOUNDS.recovery).length > 0;
}

/** A stalled socket may be closed on one side long before the other hears of it, at the latest when the stall ends. */
function wereClientsDisturbed(stories: Stories, listener: string, from: number, to: number): boolean {
  return stories.faultsDuring('clients', from, to, BOUNDS.closing).some((fault) => fault.listeners.includes(listener));
}

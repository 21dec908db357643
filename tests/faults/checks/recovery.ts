import type { FaultTarget } from '../entries.js';
import { BOUNDS } from './bounds.js';
import { deliveriesDuring, percentile } from './latency.js';
import { type FaultStory, grouped, type Stories } from './stories.js';
import { seconds, type Violation, violation } from './violation.js';

/** The log brings what the bus does not, and a transaction keeps nobody waiting. */
const NOT_BROKEN: readonly FaultTarget[] = ['bus', 'horizon'];

/** What is promised in time: after the database's return, without Redis, and for a socket that does not read. */
export function checkRecovery(stories: Stories): Violation[] {
  return stories.faults.flatMap((fault) => {
    if (!Number.isFinite(fault.endedAt)) return [violation('the harness mends what it breaks', fault.name)];
    if (fault.target === 'postgres') return checkReturn(fault, stories);
    if (fault.target === 'redis' || fault.target === 'bus') return checkWithoutBus(fault, stories);
    if (fault.target === 'service') return [];
    const stalled = fault.name === 'stall' ? fault.listeners : [];
    return [...checkOthers(fault, stories), ...stalled.flatMap((listener) => checkStalled(listener, fault, stories))];
  });
}

/** Two seconds after the database is back every client has had an answer and every listener a change. */
function checkReturn(fault: FaultStory, stories: Stories): Violation[] {
  const back = fault.endedAt;
  const until = back + BOUNDS.recovery;
  const disturbed = stories.faults.some(
    (other) => other !== fault && !NOT_BROKEN.includes(other.target) && other.beganAt < until && other.endedAt > back,
  );
  if (disturbed) return [];
  const found: Violation[] = [];
  const after = `within 2 s after ${fault.name} (${seconds(back)})`;
  const clients = grouped(stories.requests, ({ client }) => client);
  for (const requests of clients.values()) {
    const waiting = requests.find(
      ({ attempts: [first], settledAt }) => first && first.invokedAt < back && settledAt > until,
    );
    if (waiting) found.push(violation('everything goes on within 2 s', `${waiting.name} was not answered ${after}`));
  }
  const seen = grouped(stories.sights, ({ listener }) => listener);
  for (const { listener, user, chats, at } of listenersOf(stories)) {
    const lasting = chats.filter((chat) => stories.absencesOf(user, chat).length === 0);
    const isWritten = lasting.some((chat) => isWrittenDuring(stories, chat, back, until - BOUNDS.recovery / 2));
    const sees = seen
      .get(listener)
      ?.some(({ sightings }) => sightings.some(({ change }) => change.at > back && change.at <= until));
    if (at <= back && isWritten && !sees)
      found.push(violation('everything goes on within 2 s', `${listener} saw nothing ${after}`));
  }
  return found;
}

/** Those who listen to a chat, and those who listen to all of theirs; `at`: since when. */
function listenersOf(stories: Stories): { listener: string; user: string; chats: string[]; at: number }[] {
  const ofChats = [...stories.byListener().values()].flatMap(([first]) => {
    if (!first) return [];
    const { listener, user, chat, at } = first.opened;
    return [{ listener, user, chats: [chat], at }];
  });
  const ofInboxes = [...stories.inboxes.values()].map(({ began: { listener, user, chats, at } }) => {
    return { listener, user, chats: chats.map(({ chat }) => chat), at };
  });
  return [...ofChats, ...ofInboxes];
}

function isWrittenDuring(stories: Stories, chat: string, from: number, to: number): boolean {
  return stories.log(chat).some(({ seq }) => {
    const at = stories.acknowledgedAt(chat, seq) ?? 0;
    return at > from && at < to;
  });
}

/** Without Redis, or with one that loses, listeners get changes by the log: within about a second, in every chat. */
function checkWithoutBus(fault: FaultStory, stories: Stories): Violation[] {
  const rule = 'listeners get changes within about a second without Redis';
  // What the log is late with because its database is away has its own rule.
  const deliveries = deliveriesDuring(stories, fault.beganAt, fault.endedAt).filter(
    ({ at, ms }) => stories.faultsDuring('postgres', at, at + ms, BOUNDS.recovery).length === 0,
  );
  const found: Violation[] = [];
  for (const [chat, ofChat] of grouped(deliveries, (delivery) => delivery.chat)) {
    const worst = ofChat.reduce((slowest, delivery) => (delivery.ms > slowest.ms ? delivery : slowest));
    if (worst.ms > BOUNDS.deliveryWithoutBus)
      found.push(
        violation(
          rule,
          `${worst.listener} got ${worst.seq} after ${worst.ms.toFixed(0)} ms (${fault.name}, ${seconds(worst.at)})`,
        ),
      );
    const times = ofChat.map(({ ms }) => ms);
    const median = percentile(times, 0.5);
    if (median > BOUNDS.medianWithoutBus)
      found.push(violation(rule, `chat ${chat}: half of it took more than ${median.toFixed(0)} ms (${fault.name})`));
  }
  return found;
}

/** Those whose connections are whole do not notice that others' are not. */
function checkOthers({ name, beganAt, endedAt }: FaultStory, stories: Stories): Violation[] {
  const late = deliveriesDuring(stories, beganAt, endedAt).find(
    ({ at, ms }) => ms > BOUNDS.deliveryBesideStalled && isWhole(stories, at, at + ms),
  );
  if (!late) return [];
  const what = `${late.listener} got ${late.seq} after ${late.ms.toFixed(0)} ms (${name}, ${seconds(late.at)})`;
  return [violation('healthy sockets do not notice', what)];
}

/** No server was broken then. */
function isWhole(stories: Stories, from: number, to: number): boolean {
  return (['postgres', 'redis', 'bus'] as const).every(
    (target) => stories.faultsDuring(target, from, to, BOUNDS.recovery).length === 0,
  );
}

/**
 * A socket that does not read and has no room gets nothing of what was written 15 s later, because it is closed by then; its listener hears
 * of that when its end of the connection moves again and TCP has told it.
 */
function checkStalled(
  listener: string,
  { beganAt, filledAt = beganAt, endedAt }: FaultStory,
  stories: Stories,
): Violation[] {
  const rule = 'a socket that does not read is closed within 15 s';
  if (endedAt - filledAt < BOUNDS.stalled) return [];
  const connections = [...stories.connections.values(), ...stories.inboxConnections.values()];
  const stalled = connections.find(
    ({ opened, ended }) =>
      opened.listener === listener && opened.at <= beganAt && (ended?.at ?? Number.POSITIVE_INFINITY) > beganAt,
  );
  if (!stalled) return [];
  const { connection } = stalled.opened;
  const late = stories.sights
    .find((sight) => sight.connection === connection)
    ?.sightings.find(({ chat, change }) => (stories.acknowledgedAt(chat, change.seq) ?? 0) > filledAt + BOUNDS.stalled);
  if (late)
    return [
      violation(rule, `${listener} got ${late.change.cursor}, written more than 15 s after its buffers were full`),
    ];
  if (!stalled.ended || stalled.ended.at > endedAt + BOUNDS.closing + BOUNDS.tcpProbing)
    return [violation(rule, `${listener}'s connection ${connection} was still open after the stall`)];
  return [];
}

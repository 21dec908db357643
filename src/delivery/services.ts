import type { AccessServices } from '../domain/access/services.js';
import { Acquaintances } from '../domain/chats/acquaintances.js';
import { ChatSizes } from '../domain/chats/chat-sizes.js';
import type { ChatServices } from '../domain/chats/services.js';
import { TypingRights } from '../domain/chats/typing-rights.js';
import type { Database } from '../domain/database.js';
import type { Announce } from '../domain/log/chat-events.js';
import type { LogServices } from '../domain/log/services.js';
import type { MineServices } from '../domain/mine/services.js';
import { writeLastActive } from '../domain/people/last-active.js';
import type { Bus } from './bus.js';
import { ChatStreams } from './chat-streams.js';
import type { DeliveryCounts } from './delivery-counts.js';
import { FlushScheduler } from './flush-scheduler.js';
import { Hub } from './hub.js';
import { InboxStreams, type InboxStreamsOptions } from './inbox/inbox-streams.js';
import { UserHints } from './inbox/user-hints.js';
import type { PresenceTimes } from './presence/presence-state.js';
import { Presences } from './presence/presences.js';
import { Sessions } from './sessions.js';
import { Receipts } from './signals/receipts.js';
import type { Signals } from './signals/signals.js';
import { TYPING_LIMIT, Typing } from './signals/typing.js';

export interface DeliveryServices {
  chatStreams: ChatStreams;
  sessions: Sessions;
  inboxStreams: InboxStreams;
  presences: Presences;
  signals: Signals;
  typing: Typing;
  receipts: Receipts;
  deliveryCounts: DeliveryCounts;
}

export interface DeliveryOptions {
  /** See `HubOptions`. Default: 1 s. */
  probeIntervalMs?: number;
  /** See `SessionsOptions`. Default: 30 s. */
  recheckIntervalMs?: number;
  /** Overrides `PRESENCE_TIMES`. */
  presenceTimes?: Partial<PresenceTimes>;
  /** See `InboxStreamsOptions`. */
  inboxes?: InboxStreamsOptions;
  /** The most members of a chat in which receipts are told. Default: 1000. */
  receiptsLimit?: number;
}

/** Called for a background error that will be retried. `doing` completes "could not …". */
export type OnError = (error: unknown, doing: string) => void;

const PROBE_INTERVAL_MS = 1000;
const RECHECK_INTERVAL_MS = 30_000;
const RECEIPTS_LIMIT = 1000;

/** The part of delivery that the domain's services need: `announce`, to which they pass what they have committed. */
export function startHub(bus: Bus, { chatLog }: LogServices, onError: OnError, options: DeliveryOptions) {
  const flushScheduler = new FlushScheduler();
  const { probeIntervalMs = PROBE_INTERVAL_MS } = options;
  const hub = new Hub(bus, chatLog, flushScheduler, { probeIntervalMs, onError });
  const hints = new UserHints(bus, onError);
  const announce: Announce = (entry) => {
    hub.announce(entry);
    const { type, chatId, seq, subject } = entry;
    if (type === 'member.added' && subject) hints.announce(subject.id, { type: 'joined', chatId, seq });
  };
  return { flushScheduler, hub, hints, announce };
}

/**
 * The part of delivery that needs the domain's services: streams check access to chats, sessions check tokens. `close` says farewell to
 * the other processes.
 */
export async function deliveryServices(
  db: Database,
  bus: Bus,
  { hub, hints }: { hub: Hub; hints: UserHints },
  { marks }: Pick<LogServices, 'marks'>,
  mine: Pick<MineServices, 'inbox' | 'chatStates'>,
  { chats, invitations }: Pick<ChatServices, 'chats' | 'invitations'>,
  { tokens, viewers }: Pick<AccessServices, 'tokens' | 'viewers'>,
  onError: OnError,
  options: DeliveryOptions,
): Promise<{ delivery: DeliveryServices; close: () => Promise<void> }> {
  const { recheckIntervalMs = RECHECK_INTERVAL_MS, receiptsLimit = RECEIPTS_LIMIT } = options;
  const { signals } = hub;
  const typing = new Typing(signals, new TypingRights(db), new ChatSizes(db, TYPING_LIMIT));
  const receipts = new Receipts(signals, new ChatSizes(db, receiptsLimit, true), { onError });
  const presences = await Presences.start(bus, {
    acquaintances: new Acquaintances(db),
    writeLastActive: (seen) => writeLastActive(db, seen),
    times: options.presenceTimes,
    onError,
  });
  const tokenFamilies = {
    aliveFamilies: tokens.aliveFamilies.bind(tokens),
    forgetFamilies: viewers.forgetFamilies.bind(viewers),
    forgetUser: viewers.forgetUser.bind(viewers),
  };
  const sessions = await Sessions.start(bus, tokenFamilies, { recheckIntervalMs, presences, onError });
  const chatStreams = new ChatStreams(hub, chats, onError);
  const inboxStreams = new InboxStreams(hub, { ...mine, invitations, marks, chatStreams }, hints, onError, {
    levelIntervalMs: options.probeIntervalMs,
    ...options.inboxes,
  });
  const close = async () => {
    inboxStreams.close();
    receipts.close();
    sessions.close();
    await presences.close();
  };
  const deliveryCounts = hub.counts;
  return {
    delivery: { chatStreams, inboxStreams, sessions, presences, signals, typing, receipts, deliveryCounts },
    close,
  };
}

import type { AccessServices } from '../domain/access/services.js';
import type { ChatServices } from '../domain/chats/services.js';
import type { Announce } from '../domain/log/chat-events.js';
import type { LogServices } from '../domain/log/services.js';
import type { Bus } from './bus.js';
import { ChatStreams } from './chat-streams.js';
import { FlushScheduler } from './flush-scheduler.js';
import { Hub } from './hub.js';
import { Sessions } from './sessions.js';

export interface DeliveryServices {
  chatStreams: ChatStreams;
  sessions: Sessions;
}

export interface DeliveryOptions {
  /** See `HubOptions`. Default: 1 s. */
  probeIntervalMs?: number;
  /** See `SessionsOptions`. Default: 30 s. */
  recheckIntervalMs?: number;
}

/** Called for a background error that will be retried. `doing` completes "could not …". */
export type OnError = (error: unknown, doing: string) => void;

const PROBE_INTERVAL_MS = 1000;
const RECHECK_INTERVAL_MS = 30_000;

/** The part of delivery that the domain's services need: `announce`, to which they pass what they have committed. */
export function startHub(bus: Bus, { chatLog }: LogServices, onError: OnError, options: DeliveryOptions) {
  const flushScheduler = new FlushScheduler();
  const { probeIntervalMs = PROBE_INTERVAL_MS } = options;
  const hub = new Hub(bus, chatLog, flushScheduler, { probeIntervalMs, onError });
  const announce: Announce = (entry) => hub.announce(entry);
  return { flushScheduler, hub, announce };
}

/** The part of delivery that needs the domain's services: streams check access to chats, sessions check tokens. */
export async function deliveryServices(
  bus: Bus,
  hub: Hub,
  { chats }: Pick<ChatServices, 'chats'>,
  { tokens, viewers }: Pick<AccessServices, 'tokens' | 'viewers'>,
  onError: OnError,
  { recheckIntervalMs = RECHECK_INTERVAL_MS }: DeliveryOptions,
): Promise<DeliveryServices> {
  const tokenFamilies = {
    aliveFamilies: tokens.aliveFamilies.bind(tokens),
    forgetFamilies: viewers.forgetFamilies.bind(viewers),
    forgetUser: viewers.forgetUser.bind(viewers),
  };
  const sessions = await Sessions.start(bus, tokenFamilies, { recheckIntervalMs, onError });
  return { chatStreams: new ChatStreams(hub, chats, onError), sessions };
}

import type { Acquaintances } from '../../domain/chats/acquaintances.js';
import { badInput, DomainError } from '../../domain/errors.js';
import { MAX_PRESENCES, type Presence, type PresenceChoice } from '../../domain/presence.js';
import { isPresent } from '../../domain/profile.js';
import { CallRates } from '../../domain/queues/call-rates.js';
import { MemoryQuota } from '../../domain/queues/memory-quota.js';
import { canonicalId } from '../../domain/text.js';
import { requireScope, userOf, type Viewer } from '../../domain/viewer.js';
import type { Bus } from '../bus.js';
import type { Attendance } from './attendance.js';
import { PresenceState, type PresenceStateOptions, type PresenceTimes } from './presence-state.js';
import { PresenceWatch } from './presence-watch.js';
import { Watches } from './watches.js';

export const PRESENCE_TIMES: Readonly<PresenceTimes> = {
  batchMs: 1000,
  lingerMs: 5000,
  aliveMs: 20_000,
  silenceMs: 60_000,
  writeMs: 300_000,
};

export interface PresencesOptions extends Pick<PresenceStateOptions, 'writeLastActive' | 'onError'> {
  acquaintances: Pick<Acquaintances, 'find'>;
  times?: Partial<PresenceTimes> | undefined;
}

/** Calls of one user: to ask for the presence of others, and to choose how to be shown. */
const ASKS = { calls: 300, windowMs: 60_000 };
const CHOICES = { calls: 30, windowMs: 60_000 };
/** Watches of one user in this process, and the users in all of them. */
const WATCHED = { count: 1000, bytes: 10_000 };

/**
 * Who is there, and who may know. A user is online while a socket or event stream of theirs is open at any process, and some seconds
 * longer. Who shares a chat with them may ask for that by their id.
 */
export class Presences {
  private readonly state: PresenceState;
  private readonly watches: Watches;
  private readonly asks = new CallRates(ASKS);
  private readonly choices = new CallRates(CHOICES);
  private readonly quota = new MemoryQuota(WATCHED);
  private timer: NodeJS.Timeout | undefined;

  private constructor(
    bus: Bus,
    private readonly options: PresencesOptions,
  ) {
    const { acquaintances, writeLastActive, onError } = options;
    const times = { ...PRESENCE_TIMES, ...options.times };
    this.watches = new Watches({
      acquaintances,
      presenceOf: ({ viewerId, userId }, known) =>
        this.state.presenceOf(userId, viewerId === userId, known.lastActiveAt),
      onError,
    });
    const onChange = (userId: string) => this.watches.changed(userId);
    this.state = new PresenceState(bus, { times, writeLastActive, onChange, onError });
    this.schedule(times.batchMs);
  }

  static async start(bus: Bus, options: PresencesOptions): Promise<Presences> {
    const presences = new Presences(bus, options);
    await presences.state.listen();
    return presences;
  }

  /** A socket or an event stream of the user opened. Others are told within a second. */
  opened(userId: string): Attendance {
    return this.state.opened(userId);
  }

  /** A request of the user came. It does not make them online. */
  active(userId: string): void {
    this.state.active(userId);
  }

  /**
   * The presence of those of these users who share a chat with the viewer, or are the viewer, each once. Viewers are told what is so of
   * themselves. A narrowed token knows the shared chats that it is narrowed to. One query.
   * @throws DomainError `UNAUTHENTICATED`, `FORBIDDEN`; `BAD_USER_INPUT`, field `userIds`, for more than `MAX_PRESENCES`;
   * `RATE_LIMITED`
   */
  async read(viewer: Viewer | null, userIds: readonly string[]): Promise<Presence[]> {
    const { id } = userOf(requireScope(viewer, 'read'));
    const wanted = wantedOf(userIds);
    countCall(this.asks, id);
    return this.find(id, wanted, viewer?.chats);
  }

  /**
   * Watches these users: first the state of all whom the viewer may see, then what changes. Strangers are watched too, and told of once
   * they share a chat and change. Close the watch when its listener ends.
   * @throws DomainError as `read`
   */
  async watch(viewer: Viewer | null, userIds: readonly string[]): Promise<PresenceWatch> {
    const { id } = userOf(requireScope(viewer, 'read'));
    const wanted = wantedOf(userIds);
    countCall(this.asks, id);
    if (!this.quota.hasRoom(id, wanted.length)) throw tooManyWatched();
    this.quota.add(id, wanted.length);
    const onClose = (closed: PresenceWatch) => {
      this.quota.remove(id, wanted.length);
      this.watches.closed(closed);
    };
    const watch = new PresenceWatch(id, wanted, viewer?.chats, onClose, (untold, ids) =>
      this.watches.untold(untold, ids),
    );
    // Before the query, so that no change is missed.
    this.watches.opened(watch);
    try {
      watch.put(await this.find(id, wanted, watch.chats));
      return watch;
    } catch (error) {
      watch.close();
      throw error;
    }
  }

  /**
   * Shows the user so, on all processes, until their last socket has been closed for some seconds. Returns their presence as it is to
   * themselves.
   * @throws DomainError `UNAUTHENTICATED`, `FORBIDDEN`, `RATE_LIMITED`; `FORBIDDEN`, rule `user.bot`
   */
  async choose(viewer: Viewer | null, choice: PresenceChoice): Promise<Presence> {
    const user = userOf(requireScope(viewer, 'write'));
    if (!isPresent(user)) throw new DomainError('FORBIDDEN', 'A bot is in no presence.', { rule: 'user.bot' });
    const { id } = user;
    countCall(this.choices, id);
    this.state.choose(id, choice);
    // The call itself is the user's last request.
    return this.state.presenceOf(id, true, new Date());
  }

  /** Users who are online, as far as this process knows. */
  get size(): number {
    return this.state.size;
  }

  /** Users who are watched in this process. */
  get watched(): number {
    return this.watches.size;
  }

  close(): Promise<void> {
    clearTimeout(this.timer);
    return this.state.close();
  }

  /** Not an interval: after a late batch the next one would come too soon. */
  private schedule(batchMs: number): void {
    this.timer = setTimeout(() => {
      this.state.tick();
      this.schedule(batchMs);
      void this.watches.tell();
    }, batchMs).unref();
  }

  private async find(
    viewerId: string,
    userIds: readonly string[],
    chats: ReadonlySet<string> | undefined,
  ): Promise<Presence[]> {
    const found = await this.options.acquaintances.find(userIds.map((userId) => ({ viewerId, userId, chats })));
    return userIds.flatMap((userId, index) => {
      const known = found[index];
      return known ? this.state.presenceOf(userId, userId === viewerId, known.lastActiveAt) : [];
    });
  }
}

/** What is no id is the id of nobody. @throws DomainError `BAD_USER_INPUT`, field `userIds` */
function wantedOf(userIds: readonly string[]): string[] {
  if (userIds.length > MAX_PRESENCES) throw badInput('userIds', `userIds must be at most ${MAX_PRESENCES} ids.`);
  return [...new Set(userIds.map(canonicalId).filter((id) => id !== undefined))];
}

/** @throws DomainError `RATE_LIMITED` */
function countCall(rates: CallRates, userId: string): void {
  const retryAfterMs = rates.count(userId);
  if (retryAfterMs > 0) throw new DomainError('RATE_LIMITED', 'Too many calls. Please slow down.', { retryAfterMs });
}

function tooManyWatched(): DomainError {
  return new DomainError('RATE_LIMITED', 'You watch the presence of too many users. Watch fewer of them.', {
    retryAfterMs: 1000,
  });
}

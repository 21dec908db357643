import type { ClientContext } from './context.js';
import type { Presence } from './inbox-state.js';

/** The service tells of so many users. */
const MAX_WATCHED = 100;
/** Presence is asked for as often where no frames can be sent. Milliseconds. */
const POLL_MS = 30_000;

export const PRESENCE = 'query($userIds:[ID!]!){presence(userIds:$userIds){id:userId status lastActiveAt}}';

/** Whether users are there, by their ids. */
export type Presences = Readonly<Record<string, Presence>>;

/** Asks for the presence of users, which the inbox shows. It is loaded when it is used. */
export interface PresenceWatch {
  /** Shows these users, beside those of others who watch. @returns what ends it */
  watch(userIds: readonly string[]): () => void;
  close(): void;
}

/** @param show called with all that is known of those who are watched */
export function watchPresence(
  { connection, request }: ClientContext,
  show: (presences: Presences) => void,
): PresenceWatch {
  const watchers = new Set<readonly string[]>();
  let watched: readonly string[] = [];
  let shown: Presences = {};
  let timer: ReturnType<typeof setInterval> | undefined;
  const isLive = () => connection.status.get().state === 'live';

  const take = (news: readonly Presence[]): void => {
    const known = [...Object.values(shown), ...news].filter(({ id }) => watched.includes(id));
    shown = Object.fromEntries(known.map((presence) => [presence.id, presence]));
    show(shown);
  };

  /** Over a socket, the service tells it from then on. */
  const ask = (): void => {
    clearInterval(timer);
    if (connection.canSend) connection.send({ type: 'presence', users: watched });
    else if (watched.length > 0) {
      timer = setInterval(poll, POLL_MS);
      void poll();
    }
  };

  const poll = async (): Promise<void> => {
    // Until there is a connection, nobody is told anything.
    if (!isLive()) return;
    const answer = await request<{ presence: Presence[] }>(PRESENCE, { userIds: watched }).catch(() => undefined);
    if (answer) take(answer.presence);
  };

  const changed = (): void => {
    watched = [...new Set([...watchers].reverse().flat())].slice(0, MAX_WATCHED);
    take([]);
    ask();
  };

  const stops = [
    connection.listen({
      frame: (frame) => frame.type === 'presence' && take(frame.users as Presence[]),
      began: () => {},
    }),
    // A new socket was not asked yet.
    connection.status.subscribe(() => isLive() && watched.length > 0 && ask()),
  ];

  return {
    watch(userIds) {
      const own = [...userIds];
      watchers.add(own);
      changed();
      return () => void (watchers.delete(own) && changed());
    },
    close() {
      clearInterval(timer);
      watchers.clear();
      for (const stop of stops) stop();
    },
  };
}

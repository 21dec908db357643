import { useEffect } from 'preact/hooks';
import { chat } from '../session/session.js';

const watched = new Map<symbol, readonly string[]>();
/** The service tells of so many. */
const MOST = 100;

/** Has the inbox show whether these users are there, while the caller is drawn. */
export function useWatchedPresence(userIds: readonly string[]): void {
  const key = userIds.join();
  useEffect(() => {
    const own = Symbol('watched');
    watched.set(own, userIds);
    watch();
    return () => {
      watched.delete(own);
      watch();
    };
  }, [key]);
}

/** Of who is drawn last, first. */
function watch(): void {
  const all = [...watched.values()].reverse().flat();
  chat.inbox().watchPresence([...new Set(all)].slice(0, MOST));
}

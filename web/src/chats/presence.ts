import { useEffect } from 'preact/hooks';
import { chat } from '../session/session.js';

/** Has the inbox show whether these users are there, while the caller is drawn. */
export function useWatchedPresence(userIds: readonly string[]): void {
  useEffect(() => chat.inbox().watchPresence(userIds), [userIds.join()]);
}

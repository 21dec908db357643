import { useSyncExternalStore } from 'react';
import type { ChatClient } from './client.js';
import type { InboxState } from './inbox-state.js';
import type { RoomState } from './room-state.js';
import type { Observable } from './store.js';

/** The user's chats as they are now. */
export function useInbox(chat: ChatClient): InboxState {
  return useObservable(chat.inbox());
}

/** One chat as it is now. Send with `chat.room(chatId)`. */
export function useRoom(chat: ChatClient, chatId: string): RoomState {
  return useObservable(chat.room(chatId));
}

/**
 * Anything of a client as it is now: `chat.status`, or what `openThread`, `openPins` and `openReceipts` give. Keep the object between two
 * drawings, with `useMemo` say.
 */
export function useObservable<State>({ subscribe, get }: Observable<State>): State {
  return useSyncExternalStore(subscribe, get, get);
}

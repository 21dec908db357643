import { useSyncExternalStore } from 'react';
import type { ChatClient } from './client.js';
import type { InboxState } from './inbox-state.js';
import type { RoomState } from './room-state.js';

/** The user's chats as they are now. */
export function useInbox(chat: ChatClient): InboxState {
  const inbox = chat.inbox();
  return useSyncExternalStore(inbox.subscribe, inbox.get, inbox.get);
}

/** One chat as it is now. Send with `chat.room(chatId)`. */
export function useRoom(chat: ChatClient, chatId: string): RoomState {
  const room = chat.room(chatId);
  return useSyncExternalStore(room.subscribe, room.get, room.get);
}

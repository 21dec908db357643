import type { Database } from '../database.js';
import type { Announce } from '../log/chat-events.js';
import type { ChatMutex } from './chat-mutex.js';
import { Chats } from './chats.js';
import { MemberLists } from './member-lists.js';
import { Memberships } from './memberships.js';

export interface ChatServices {
  chats: Chats;
  memberships: Memberships;
  memberLists: MemberLists;
}

export function chatServices(db: Database, mutex: ChatMutex, announce: Announce): ChatServices {
  return { chats: new Chats(db), memberships: new Memberships(db, mutex, announce), memberLists: new MemberLists(db) };
}

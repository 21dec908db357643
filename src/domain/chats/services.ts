import type { Database } from '../database.js';
import type { Announce } from '../log/chat-events.js';
import type { ChatMutex } from './chat-mutex.js';
import { Chats } from './chats.js';
import { DirectChats } from './direct-chats.js';
import { MemberLists } from './member-lists.js';
import { Memberships } from './memberships.js';
import type { AdminReading } from './rights.js';

export interface ChatServices {
  chats: Chats;
  directChats: DirectChats;
  memberships: Memberships;
  memberLists: MemberLists;
}

export function chatServices(
  db: Database,
  mutex: ChatMutex,
  announce: Announce,
  adminReading: AdminReading,
): ChatServices {
  return {
    chats: new Chats(db, adminReading),
    directChats: new DirectChats(db, mutex, announce),
    memberships: new Memberships(db, mutex, announce),
    memberLists: new MemberLists(db),
  };
}

import type { Database } from '../database.js';
import type { Announce } from '../log/chat-events.js';
import { Bans } from './bans.js';
import { Blocks } from './blocks.js';
import { ChatChanges } from './chat-changes.js';
import type { ChatMutex } from './chat-mutex.js';
import { ChatUpserts } from './chat-upserts.js';
import { Chats } from './chats.js';
import { DirectChats } from './direct-chats.js';
import type { DirectReads } from './direct-reads.js';
import { type InvitationListener, Invitations } from './invitations.js';
import { InviteLinks } from './invite-links.js';
import { MemberLists } from './member-lists.js';
import { MemberSets } from './member-sets.js';
import { MembershipChanges } from './membership-changes.js';
import { Memberships } from './memberships.js';
import { Mutes } from './mutes.js';
import { type ChatCreation, NewChats } from './new-chats.js';
import { OwnMembership } from './own-membership.js';
import { PublicChats } from './public-chats.js';
import type { AdminReading, LargeChats } from './rights.js';

export interface ChatServices {
  chats: Chats;
  chatChanges: ChatChanges;
  publicChats: PublicChats;
  ownMembership: OwnMembership;
  directChats: DirectChats;
  memberships: Memberships;
  mutes: Mutes;
  bans: Bans;
  memberLists: MemberLists;
  chatUpserts: ChatUpserts;
  memberSets: MemberSets;
  invitations: Invitations;
  inviteLinks: InviteLinks;
  blocks: Blocks;
}

export function chatServices(
  db: Database,
  directReads: DirectReads,
  mutex: ChatMutex,
  announce: Announce,
  onInvitation: InvitationListener,
  onStateChanged: (userId: string, chatId: string) => void,
  options: AdminReading & ChatCreation & LargeChats,
): ChatServices {
  const changes = new MembershipChanges(db, mutex, announce);
  return {
    chats: new Chats(db, new NewChats(db, announce, options), options, directReads),
    chatChanges: new ChatChanges(db, mutex, announce),
    publicChats: new PublicChats(db),
    ownMembership: new OwnMembership(db, mutex, announce, onStateChanged),
    directChats: new DirectChats(db, mutex, announce),
    memberships: new Memberships(changes),
    mutes: new Mutes(changes),
    bans: new Bans(changes, onInvitation),
    memberLists: new MemberLists(db),
    chatUpserts: new ChatUpserts(db, announce),
    memberSets: new MemberSets(db, mutex, announce),
    invitations: new Invitations(db, mutex, announce, onInvitation),
    inviteLinks: new InviteLinks(db, mutex),
    blocks: new Blocks(db),
  };
}

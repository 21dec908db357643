import { INBOX, inboxItems, ROOM } from './documents.js';
import { notFound } from './errors.js';
import type { Member } from './events.js';
import type { Request } from './http.js';
import type { InboxItem } from './inbox-state.js';
import { type GraphqlMessage, messageFromGraphql, type UserRef } from './messages.js';
import type { ChatInfo, RoomSnapshot, RoomViewer } from './room-state.js';
import type { ChatAction, ChatState } from './schema.js';

interface ItemChat extends ChatInfo {
  cursor: string;
  lastMessage: GraphqlMessage | null;
  members: Member[];
  viewer: ChatState | null;
}

interface RoomChat extends ChatInfo {
  cursor: string;
  viewerCan: ChatAction[];
  viewer: RoomViewer | null;
  members: Member[];
}

/** What is read of a room: the newest messages before `before`, and the members behind `after`. One of each, unless it is said. */
interface RoomPage {
  last?: number;
  before?: number;
  first?: number;
  after?: string | undefined;
}

/** The service takes 400 fields in one operation, which are so many chats of the inbox, and so many messages. */
export const CHATS_AT_ONCE = 5;
export const MESSAGES_AT_ONCE = 8;

/** What the client reads of the service, over GraphQL. Every function throws ChatError. */
export type Api = ReturnType<typeof apiOver>;

export function apiOver(request: Request) {
  return {
    /** @throws ChatError `NOT_FOUND` when there is no such chat, or the user may not read it */
    async room(chatId: string, { last = 1, first = 1, ...page }: RoomPage): Promise<RoomSnapshot> {
      const { me, chat, messages } = await request<{
        me: UserRef;
        chat: RoomChat | null;
        messages: GraphqlMessage[];
      }>(ROOM, { ...page, chatId, last, first });
      if (!chat) throw notFound();
      const { cursor, viewerCan, viewer, members, ...info } = chat;
      return {
        ...{ me, chat: info, cursor, viewerCan, viewer, members },
        messages: messages.map(messageFromGraphql),
        hasEarlier: messages.length === last,
        hasMoreMembers: members.length === first,
      };
    },

    async inbox(
      first: number,
      after: string | undefined,
    ): Promise<{ me: UserRef; items: InboxItem[]; next: string | null }> {
      const { me, inbox } = await request<{ me: UserRef; inbox: { next: string | null; items: { chat: ItemChat }[] } }>(
        INBOX,
        { first, after },
      );
      const items = inbox.items.flatMap(({ chat }) => itemOf(chat, me.id) ?? []);
      return { me, items: inOrder(items), next: inbox.next };
    },

    /** These chats as they are now, in their order; null where the user is no member. At most `CHATS_AT_ONCE`. */
    async inboxItems(chatIds: readonly string[], me: string): Promise<(InboxItem | null)[]> {
      const answer = await request<Record<string, ItemChat | null>>(
        inboxItems(chatIds.length),
        Object.fromEntries(chatIds.map((id, index) => [`v${index}`, id])),
      );
      return Object.values(answer).map((chat) => itemOf(chat, me));
    },
  };
}

function itemOf(item: ItemChat | null, me: string): InboxItem | null {
  if (!item?.viewer) return null;
  const { cursor, lastMessage, members, viewer: state, ...chat } = item;
  const peer = chat.kind === 'direct' ? members.find(({ user }) => user.id !== me)?.user : undefined;
  const message = lastMessage && messageFromGraphql(lastMessage);
  const activeAt = message?.createdAt ?? chat.createdAt;
  return { chat, peer: peer ?? null, lastMessage: message, state, cursor, activeAt };
}

/** The page's order stays: the service knows when the user joined, and of replies in threads. */
function inOrder(items: InboxItem[]): InboxItem[] {
  let activeAt = '';
  const upwards = items.reverse().map((item) => {
    if (item.activeAt > activeAt) activeAt = item.activeAt;
    return { ...item, activeAt };
  });
  return upwards.reverse();
}

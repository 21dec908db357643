import { EVENTS, INBOX, inboxItems, MEMBERS, MESSAGES, messagesById, ROOM } from './documents.js';
import { ChatError } from './errors.js';
import { eventFromGraphql, type GraphqlEvent, type Member } from './events.js';
import type { EventPage } from './follower.js';
import type { Request } from './http.js';
import type { InboxItem } from './inbox-state.js';
import { type GraphqlMessage, type Message, messageFromGraphql, type UserRef } from './messages.js';
import type { ChatInfo, RoomSnapshot, RoomViewer } from './room-state.js';
import type { ChatAction, ChatState } from './schema.js';

interface ItemChat extends ChatInfo {
  cursor: string;
  lastMessage: GraphqlMessage | null;
  members: Member[];
}

interface RoomChat extends ChatInfo {
  cursor: string;
  viewerCan: ChatAction[];
  viewer: RoomViewer | null;
  members: Member[];
}

const EVENTS_PER_PAGE = 100;
/** The service takes 400 fields in one operation, which are so many chats of the inbox, and so many messages. */
export const CHATS_AT_ONCE = 5;
export const MESSAGES_AT_ONCE = 8;

/** What the client reads of the service, over GraphQL. Every function throws ChatError. */
export type Api = ReturnType<typeof apiOver>;

export function apiOver(request: Request) {
  return {
    /** @throws ChatError `NOT_FOUND` when there is no such chat, or the user may not read it */
    async room(chatId: string, size: { messages: number; members: number }): Promise<RoomSnapshot> {
      const answer = await request<{ me: UserRef; chat: RoomChat | null; messages: GraphqlMessage[] }>(ROOM, {
        ...{ chatId, last: size.messages, first: size.members },
      });
      const { cursor, viewerCan, viewer, members, ...chat } = found(answer.chat);
      return {
        ...{ me: answer.me, chat, cursor, viewerCan, viewer, members },
        messages: answer.messages.map(messageFromGraphql),
        hasEarlier: answer.messages.length === size.messages,
        hasMoreMembers: members.length === size.members,
      };
    },

    async messagesBefore(chatId: string, before: number, last: number): Promise<Message[]> {
      const { messages } = await request<{ messages: GraphqlMessage[] }>(MESSAGES, { chatId, before, last });
      return messages.map(messageFromGraphql);
    },

    /** These messages as they are now, in their order; null where there is none of the chat. At most `MESSAGES_AT_ONCE`. */
    async messages(chatId: string, ids: readonly string[]): Promise<(Message | null)[]> {
      const answer = await request<Record<string, GraphqlMessage | null>>(messagesById(ids.length), {
        ...numbered('m', ids),
        chatId,
      });
      return Object.values(answer).map((message) => message && messageFromGraphql(message));
    },

    async membersAfter(chatId: string, after: string | undefined, first: number): Promise<Member[]> {
      const { chat } = await request<{ chat: { members: Member[] } | null }>(MEMBERS, { chatId, after, first });
      return found(chat).members;
    },

    async events(chatId: string, after: string): Promise<EventPage> {
      const { chatEvents } = await request<{
        chatEvents: { cursor: string; hasMore: boolean; events: GraphqlEvent[] };
      }>(EVENTS, { chatId, after, limit: EVENTS_PER_PAGE });
      return { ...chatEvents, events: chatEvents.events.map((event) => eventFromGraphql(chatId, event)) };
    },

    async inbox(
      first: number,
      after: string | undefined,
    ): Promise<{ me: UserRef; items: InboxItem[]; next: string | undefined }> {
      const { me, inbox } = await request<{
        me: UserRef;
        inbox: { next: string | null; items: { chat: ItemChat; state: ChatState }[] };
      }>(INBOX, { first, after });
      const items = inbox.items.map(({ chat, state }) => itemOf(chat, state, me.id));
      return { me, items: inOrder(items), next: inbox.next ?? undefined };
    },

    /** These chats as they are now, in their order; null where the user is no member. At most `CHATS_AT_ONCE`. */
    async inboxItems(chatIds: readonly string[], me: string): Promise<(InboxItem | null)[]> {
      const answer = await request<Record<string, (ItemChat & { viewer: ChatState | null }) | null>>(
        inboxItems(chatIds.length),
        numbered('c', chatIds),
      );
      return Object.values(answer).map((chat) => {
        const { viewer, ...info } = chat ?? {};
        return viewer ? itemOf(info as ItemChat, viewer, me) : null;
      });
    },
  };
}

/** The variables of a document that names each by its place. */
function numbered(letter: string, ids: readonly string[]): Record<string, string> {
  return Object.fromEntries(ids.map((id, index) => [letter + index, id]));
}

function itemOf({ cursor, lastMessage, members, ...chat }: ItemChat, state: ChatState, me: string): InboxItem {
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

function found<Value>(value: Value | null): Value {
  if (value === null) throw new ChatError('NOT_FOUND', 'There is no such chat, or you are not a member of it.');
  return value;
}

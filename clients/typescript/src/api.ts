import { EVENTS, INBOX, inboxItems, MEMBERS, MESSAGES, messagesById, ROOM } from './documents.js';
import { ChatError } from './errors.js';
import { eventFromGraphql, type GraphqlEvent, type Member } from './events.js';
import type { EventPage } from './follower.js';
import type { Http } from './http.js';
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

/** What the client reads of the service, over GraphQL. Every method throws ChatError. */
export class Api {
  constructor(private readonly http: Http) {}

  /** @throws ChatError `NOT_FOUND` when there is no such chat, or the user may not read it */
  async room(chatId: string, size: { messages: number; members: number }): Promise<RoomSnapshot> {
    const variables = { chatId, last: size.messages, first: size.members };
    const { me, chat, messages } = await this.http.request<{
      me: UserRef;
      chat: RoomChat | null;
      messages: GraphqlMessage[];
    }>(ROOM, variables);
    if (!chat) throw notFound();
    const { cursor, viewerCan, viewer, members, ...info } = chat;
    return {
      ...{ me, chat: info, cursor, viewerCan, viewer, members },
      messages: messages.map(messageFromGraphql),
      hasEarlier: messages.length === size.messages,
      hasMoreMembers: members.length === size.members,
    };
  }

  async messagesBefore(chatId: string, before: number, last: number): Promise<Message[]> {
    const { messages } = await this.http.request<{ messages: GraphqlMessage[] }>(MESSAGES, { chatId, before, last });
    return messages.map(messageFromGraphql);
  }

  /** These messages as they are now, in their order; null where there is none of the chat. At most `MESSAGES_AT_ONCE`. */
  async messages(chatId: string, ids: readonly string[]): Promise<(Message | null)[]> {
    const variables = Object.fromEntries(ids.map((id, index) => [`m${index}`, id]));
    const found = await this.http.request<Record<string, GraphqlMessage | null>>(messagesById(ids.length), {
      ...variables,
      chatId,
    });
    return Object.values(found).map((message) => message && messageFromGraphql(message));
  }

  async membersAfter(chatId: string, after: string | undefined, first: number): Promise<Member[]> {
    const variables = { chatId, after, first };
    const { chat } = await this.http.request<{ chat: { members: Member[] } | null }>(MEMBERS, variables);
    if (!chat) throw notFound();
    return chat.members;
  }

  async events(chatId: string, after: string): Promise<EventPage> {
    const variables = { chatId, after, limit: EVENTS_PER_PAGE };
    const { chatEvents } = await this.http.request<{
      chatEvents: { cursor: string; hasMore: boolean; events: GraphqlEvent[] };
    }>(EVENTS, variables);
    return { ...chatEvents, events: chatEvents.events.map((event) => eventFromGraphql(chatId, event)) };
  }

  async inbox(
    first: number,
    after: string | undefined,
  ): Promise<{ me: UserRef; items: InboxItem[]; next: string | undefined }> {
    const { me, inbox } = await this.http.request<{
      me: UserRef;
      inbox: { next: string | null; items: { chat: ItemChat; state: ChatState }[] };
    }>(INBOX, { first, after });
    const items = inbox.items.map(({ chat, state }) => itemOf(chat, state, me.id));
    return { me, items: inOrder(items), next: inbox.next ?? undefined };
  }

  /** These chats as they are now, in their order; null where the user is no member. At most `CHATS_AT_ONCE`. */
  async inboxItems(chatIds: readonly string[], me: string): Promise<(InboxItem | null)[]> {
    const variables = Object.fromEntries(chatIds.map((id, index) => [`c${index}`, id]));
    const chats = await this.http.request<Record<string, (ItemChat & { viewer: ChatState | null }) | null>>(
      inboxItems(chatIds.length),
      variables,
    );
    return chatIds.map((_id, index) => {
      const chat = chats[`c${index}`];
      if (!chat?.viewer) return null;
      const { viewer, ...info } = chat;
      return itemOf(info, viewer, me);
    });
  }
}

function itemOf({ cursor, lastMessage, members, ...chat }: ItemChat, state: ChatState, me: string): InboxItem {
  const peer = chat.kind === 'direct' ? members.find(({ user }) => user.id !== me)?.user : undefined;
  const message = lastMessage && messageFromGraphql(lastMessage);
  const activeAt = message?.createdAt ?? chat.createdAt;
  return { chat, peer: peer ?? null, lastMessage: message, state, cursor, activeAt };
}

/** The page's order stays: the service knows when the user joined, and of replies in threads. */
function inOrder(items: InboxItem[]): InboxItem[] {
  let below = '';
  return items
    .reverse()
    .map((item) => {
      if (item.activeAt > below) below = item.activeAt;
      return { ...item, activeAt: below };
    })
    .reverse();
}

function notFound(): ChatError {
  return new ChatError('NOT_FOUND', 'There is no such chat, or you are not a member of it.');
}

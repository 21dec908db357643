/** The GraphQL documents of the main entry. A test holds them to the schema. */

export const USER = '{id username}';
export const REACTION = '{emoji count mine}';

export const MESSAGE = `fragment Message on Message{id seq content createdAt sender${USER} nonce revision editedAt deletedAt replyTo{id seq}
thread:threadRoot{rootId:id rootSeq:seq} alsoInChat mentions${USER} mentionsAll metadata reactions${REACTION} pinnedAt pinnedBy${USER}}`;

/** A message as rooms and threads show it. */
export const SHOWN = `fragment Shown on Message{...Message
replies:thread{count:replyCount lastReply{id seq createdAt sender${USER}} viewer{following readSeq unread unreadCapped mentions}}}${MESSAGE}`;

export const VIEWER = 'fragment Viewer on ChatState{role readSeq notify hidden mutedUntil}';

export const MEMBER = `fragment Member on ChatMembership{user${USER} role joinedAt mutedUntil}`;

export const SETTINGS = 'id name kind visibility topic postingRole slowSeconds invites archivedAt metadata';

const CHAT = `${SETTINGS} createdAt cursor`;

const ITEM = `fragment Item on Chat{${CHAT} lastMessage{...Message} members(first:2){...Member}
viewer{...Viewer unread{messages capped mentions threads firstSeq}}}${VIEWER}${MESSAGE}${MEMBER}`;

export const ME = `{me${USER}}`;

export const TICKET = 'mutation{ticket:createSocketTicket}';

export const INBOX = `query($first:Int!,$after:String){me${USER} inbox(first:$first,after:$after){next items{chat{...Item}}}}${ITEM}`;

/** Chats that the inbox shows: one variable and one field each. */
export function inboxItems(count: number): string {
  return `query(${each(count, '$v#:ID!')}){${each(count, 'v#:chat(id:$v#){...Item}')}}${ITEM}`;
}

/** A room, or a page of its messages or members. */
export const ROOM = `query($chatId:ID!,$before:Int,$last:Int!,$after:ID,$first:Int!){me${USER}
chat(id:$chatId){${CHAT} viewerCan viewer{...Viewer} members(first:$first,after:$after){...Member}}
messages(chatId:$chatId,before:$before,last:$last,deleted:true){...Shown}}${VIEWER}${SHOWN}${MEMBER}`;

/** A text for each index, in place of `#`. */
export function each(count: number, text: string): string {
  return [...Array(count).keys()].map((index) => text.replaceAll('#', String(index))).join(' ');
}

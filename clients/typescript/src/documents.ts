/** Every GraphQL document of this package. A test holds them to the schema. */

export const USER = '{id username}';
const REACTION = '{emoji count mine}';

export const MESSAGE = `fragment Message on Message{id seq content createdAt sender${USER} nonce revision editedAt deletedAt replyTo{id seq}
threadRoot{id seq} alsoInChat mentions${USER} mentionsAll metadata reactions${REACTION} pinnedAt pinnedBy${USER}}`;

/** A message as rooms and threads show it. */
export const SHOWN = `fragment Shown on Message{...Message
replies:thread{count:replyCount lastReply{id seq createdAt sender${USER}} viewer{following readSeq unread unreadCapped mentions}}}${MESSAGE}`;

const VIEWER = 'fragment Viewer on ChatState{role readSeq notify hidden mutedUntil}';

const MEMBER = `fragment Member on ChatMembership{user${USER} role joinedAt}`;

const ITEM = `fragment Item on Chat{id name kind createdAt cursor lastMessage{...Message} members(first:2){...Member}}
fragment State on ChatState{...Viewer unread{messages capped mentions threads firstSeq}}
${VIEWER}${MESSAGE}${MEMBER}`;

export const ME = `{me${USER}}`;

export const TICKET = 'mutation{ticket:createSocketTicket}';

export const INBOX = `query($first:Int!,$after:String){me${USER} inbox(first:$first,after:$after){next items{chat{...Item} state{...State}}}}${ITEM}`;

/** Chats that the inbox shows: one variable and one field each. */
export function inboxItems(count: number): string {
  return `query(${each(count, (at) => `$c${at}:ID!`)}){${each(count, (at) => `c${at}:chat(id:$c${at}){...Item viewer{...State}}`)}}${ITEM}`;
}

function each(count: number, text: (index: number) => string): string {
  return [...Array(count).keys()].map(text).join('');
}

export const ROOM = `query($chatId:ID!,$last:Int!,$first:Int!){me${USER}
chat(id:$chatId){id name kind createdAt cursor viewerCan viewer{...Viewer} members(first:$first){...Member}}
messages(chatId:$chatId,last:$last,deleted:true){...Shown}}
${VIEWER}${SHOWN}${MEMBER}`;

export const MESSAGES = `query($chatId:ID!,$before:Int!,$last:Int!){
messages(chatId:$chatId,before:$before,last:$last,deleted:true){...Shown}}${SHOWN}`;

/** Messages by their ids: one variable and one field each. */
export function messagesById(count: number): string {
  return `query($chatId:ID!${each(count, (at) => `,$m${at}:ID!`)}){${each(count, (at) => `m${at}:message(chatId:$chatId,id:$m${at}){...Shown}`)}}${SHOWN}`;
}

export const MEMBERS = `query($chatId:ID!,$first:Int!,$after:ID){chat(id:$chatId){members(first:$first,after:$after){...Member}}}${MEMBER}`;

const CHANGED = ['Created', 'Edited', 'Deleted', 'Pinned', 'Unpinned'].map(
  (what) => `...on Message${what}{message{...Message}}`,
);

export const EVENTS = `query($chatId:ID!,$after:String!,$limit:Int!){chatEvents(chatId:$chatId,after:$after,limit:$limit){cursor hasMore
events{__typename seq cursor at actor${USER} ${CHANGED.join('')}...on ReactionsChanged{reacted:message{id seq reactions${REACTION}}}
...on MemberAdded{member{...Member}}...on MemberUpdated{member{...Member}}...on MemberRemoved{user${USER}}}}}
${MESSAGE}${MEMBER}`;

export const PRESENCE = 'query($userIds:[ID!]!){presence(userIds:$userIds){id:userId status lastActiveAt}}';

/** A mutation that returns a message of the chat. @param args its other arguments, each with its type, like `seq:Int!` */
function change(name: string, ...args: string[]): string {
  const all = ['chatId:ID!', ...args];
  const passed = all.map((arg) => arg.replace(/(\w+):.*/, '$1:$$$1'));
  return `mutation(${all.map((arg) => `$${arg}`)}){message:${name}(${passed}){...Message}}${MESSAGE}`;
}

const TARGET = 'messageId:ID!';
const CONTENT = 'content:String!';
const EMOJI = 'emoji:String!';

export const SEND = change(
  'sendMessage',
  ...[
    CONTENT,
    'nonce:String!',
    'replyTo:ID',
    'thread:ID',
    'alsoInChat:Boolean',
    'mentions:[ID!]',
    'mentionAll:Boolean',
  ],
  'metadata:JSON',
);
export const EDIT = change('editMessage', TARGET, CONTENT, 'revision:Int');
export const DELETE = change('deleteMessage', TARGET);
export const PIN = change('pinMessage', TARGET);
export const UNPIN = change('unpinMessage', TARGET);
export const REACT = change('addReaction', TARGET, EMOJI);
export const UNREACT = change('removeReaction', TARGET, EMOJI);

export const MARK_READ = `mutation($chatId:ID!,$seq:Int!){viewer:markRead(chatId:$chatId,seq:$seq){...Viewer}}${VIEWER}`;

export const MARK_UNREAD = `mutation($chatId:ID!,$fromSeq:Int!){viewer:markUnread(chatId:$chatId,fromSeq:$fromSeq){...Viewer}}${VIEWER}`;

export const PREFER = `mutation($chatId:ID!,$notify:Notify,$hidden:Boolean){
viewer:setChatPreferences(chatId:$chatId,notify:$notify,hidden:$hidden){...Viewer}}${VIEWER}`;

export const SET_TYPING = 'mutation($chatId:ID!,$thread:ID){setTyping(chatId:$chatId,thread:$thread)}';

/** Every GraphQL document of this package. A test holds them to the schema. */

const USER = '{id username}';
const REACTION = '{emoji count mine}';

const MESSAGE = `fragment Message on Message{id seq content createdAt sender${USER} nonce revision editedAt deletedAt replyTo{id seq}
threadRoot{id seq} alsoInChat mentions${USER} mentionsAll metadata reactions${REACTION} pinnedAt pinnedBy${USER}}`;

const VIEWER = 'fragment Viewer on ChatState{role readSeq notify hidden mutedUntil}';

const MEMBER = `fragment Member on ChatMembership{user${USER} role joinedAt}`;

const ITEM = `fragment Item on Chat{id name kind createdAt cursor lastMessage{...Message} members(first:2){...Member}}
fragment State on ChatState{...Viewer unread{messages capped mentions threads firstSeq}}
${VIEWER}${MESSAGE}${MEMBER}`;

export const ME = `{me${USER}}`;

export const TICKET = 'mutation{createSocketTicket}';

export const INBOX = `query($first:Int!,$after:String){me${USER} inbox(first:$first,after:$after){next items{chat{...Item} state{...State}}}}${ITEM}`;

/** Chats that the inbox shows: one variable and one field each. */
export function inboxItems(count: number): string {
  const indexes = [...Array(count).keys()];
  const variables = indexes.map((index) => `$c${index}:ID!`);
  const fields = indexes.map((index) => `c${index}:chat(id:$c${index}){...Item viewer{...State}}`);
  return `query(${variables}){${fields}}${ITEM}`;
}

export const ROOM = `query($chatId:ID!,$last:Int!,$first:Int!){me${USER}
chat(id:$chatId){id name kind createdAt cursor viewerCan viewer{...Viewer} members(first:$first){...Member}}
messages(chatId:$chatId,last:$last,deleted:true){...Message}}
${VIEWER}${MESSAGE}${MEMBER}`;

export const MESSAGES = `query($chatId:ID!,$before:Int!,$last:Int!){
messages(chatId:$chatId,before:$before,last:$last,deleted:true){...Message}}${MESSAGE}`;

export const MEMBERS = `query($chatId:ID!,$first:Int!,$after:ID){chat(id:$chatId){members(first:$first,after:$after){...Member}}}${MEMBER}`;

const SHOWN = ['Created', 'Edited', 'Deleted', 'Pinned', 'Unpinned'].map(
  (what) => `...on Message${what}{message{...Message}}`,
);

export const EVENTS = `query($chatId:ID!,$after:String!,$limit:Int!){chatEvents(chatId:$chatId,after:$after,limit:$limit){cursor hasMore
events{__typename seq cursor at actor${USER} ${SHOWN.join('')}...on ReactionsChanged{reacted:message{id seq reactions${REACTION}}}
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

export const MARK_READ = `mutation($chatId:ID!,$seq:Int!){markRead(chatId:$chatId,seq:$seq){...Viewer}}${VIEWER}`;

export const SET_TYPING = 'mutation($chatId:ID!,$thread:ID){setTyping(chatId:$chatId,thread:$thread)}';

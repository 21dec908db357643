/** Every GraphQL document of this package. A test holds them to the schema. */

const MESSAGE = `fragment Message on Message {
  id seq content createdAt sender { id username } nonce revision editedAt deletedAt replyTo { id seq }
  threadRoot { id seq } alsoInChat mentions { id username } mentionsAll metadata reactions { emoji count mine }
  pinnedAt pinnedBy { id username }
}`;

const VIEWER = 'fragment Viewer on ChatState { role readSeq notify hidden mutedUntil }';

const STATE = `fragment State on ChatState {
  role readSeq notify hidden mutedUntil unread { messages capped mentions threads firstSeq }
}`;

const MEMBER = 'fragment Member on ChatMembership { user { id username } role joinedAt }';

const ITEM = `fragment Item on Chat {
  id name kind createdAt cursor lastMessage { ...Message } members(first: 2) { ...Member }
}`;

export const ME = '{ me { id username } }';

export const TICKET = 'mutation { createSocketTicket }';

export const INBOX = `query ($first: Int!, $after: String) {
  me { id username }
  inbox(first: $first, after: $after) { next items { chat { ...Item } state { ...State } } }
}
${ITEM} ${STATE} ${MESSAGE} ${MEMBER}`;

/** Chats that the inbox shows: one variable and one field each. */
export function inboxItems(count: number): string {
  const indexes = [...Array(count).keys()];
  const variables = indexes.map((index) => `$c${index}: ID!`).join(', ');
  const fields = indexes.map((index) => `c${index}: chat(id: $c${index}) { ...Item viewer { ...State } }`).join('\n');
  return `query (${variables}) { ${fields} }\n${ITEM} ${STATE} ${MESSAGE} ${MEMBER}`;
}

export const ROOM = `query ($chatId: ID!, $last: Int!, $first: Int!) {
  me { id username }
  chat(id: $chatId) {
    id name kind createdAt cursor viewerCan viewer { ...Viewer } members(first: $first) { ...Member }
  }
  messages(chatId: $chatId, last: $last, deleted: true) { ...Message }
}
${VIEWER} ${MESSAGE} ${MEMBER}`;

export const RIGHTS = `query ($chatId: ID!) { chat(id: $chatId) { viewerCan viewer { ...Viewer } } } ${VIEWER}`;

export const CURSOR = 'query ($chatId: ID!) { chat(id: $chatId) { cursor } }';

export const MESSAGES = `query ($chatId: ID!, $before: Int!, $last: Int!) {
  messages(chatId: $chatId, before: $before, last: $last, deleted: true) { ...Message }
}
${MESSAGE}`;

export const MEMBERS = `query ($chatId: ID!, $first: Int!, $after: ID) {
  chat(id: $chatId) { members(first: $first, after: $after) { ...Member } }
}
${MEMBER}`;

export const REACTIONS = `query ($chatId: ID!, $id: ID!) {
  message(chatId: $chatId, id: $id) { id seq reactions { emoji count mine } }
}`;

export const EVENTS = `query ($chatId: ID!, $after: String!, $limit: Int!) {
  chatEvents(chatId: $chatId, after: $after, limit: $limit) { cursor hasMore events { ...Event } }
}
fragment Event on ChatEvent {
  __typename seq cursor at actor { id username }
  ... on MessageCreated { message { ...Message } }
  ... on MessageEdited { message { ...Message } }
  ... on MessageDeleted { message { ...Message } }
  ... on MessagePinned { message { ...Message } }
  ... on MessageUnpinned { message { ...Message } }
  ... on ReactionsChanged { reacted: message { id seq reactions { emoji count mine } } }
  ... on MemberAdded { member { ...Member } }
  ... on MemberUpdated { member { ...Member } }
  ... on MemberRemoved { user { id username } }
}
${MESSAGE} ${MEMBER}`;

export const PRESENCE = 'query ($userIds: [ID!]!) { presence(userIds: $userIds) { id: userId status lastActiveAt } }';

export const SEND = `mutation ($chatId: ID!, $content: String!, $nonce: String!, $replyTo: ID, $thread: ID, $alsoInChat: Boolean,
  $mentions: [ID!], $mentionAll: Boolean, $metadata: JSON) {
  message: sendMessage(chatId: $chatId, content: $content, nonce: $nonce, replyTo: $replyTo, thread: $thread,
    alsoInChat: $alsoInChat, mentions: $mentions, mentionAll: $mentionAll, metadata: $metadata) { ...Message }
}
${MESSAGE}`;

export const EDIT = `mutation ($chatId: ID!, $messageId: ID!, $content: String!, $revision: Int) {
  message: editMessage(chatId: $chatId, messageId: $messageId, content: $content, revision: $revision) { ...Message }
}
${MESSAGE}`;

const change = (name: string) => `mutation ($chatId: ID!, $messageId: ID!) {
  message: ${name}(chatId: $chatId, messageId: $messageId) { ...Message }
}
${MESSAGE}`;

export const DELETE = change('deleteMessage');
export const PIN = change('pinMessage');
export const UNPIN = change('unpinMessage');

const react = (name: string) => `mutation ($chatId: ID!, $messageId: ID!, $emoji: String!) {
  message: ${name}(chatId: $chatId, messageId: $messageId, emoji: $emoji) { ...Message }
}
${MESSAGE}`;

export const REACT = react('addReaction');
export const UNREACT = react('removeReaction');

export const MARK_READ = `mutation ($chatId: ID!, $seq: Int!) { markRead(chatId: $chatId, seq: $seq) { ...Viewer } } ${VIEWER}`;

export const SET_TYPING = 'mutation ($chatId: ID!, $thread: ID) { setTyping(chatId: $chatId, thread: $thread) }';

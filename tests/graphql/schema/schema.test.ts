import { readFile } from 'node:fs/promises';
import {
  buildClientSchema,
  buildSchema,
  type GraphQLSchema,
  introspectionFromSchema,
  lexicographicSortSchema,
  printSchema,
} from 'graphql';
import { expect, test } from 'vitest';
import { printedSchema, schema } from '../../../src/graphql/schema/schema.js';

/** The wire contract, as its document has it, with the paging arguments that it leaves to the lists that can grow. */
const CONTRACT = `
  scalar DateTime
  scalar JSON
  enum UserRole { admin user }
  enum UserKind { human bot guest }

  type User { id: ID! username: String! email: String firstName: String! lastName: String!
              role: UserRole! kind: UserKind! isActive: Boolean externalId: String dateJoined: DateTime! }
  input IdentityInput { issuer: String! subject: String! }
  input UserInput { externalId: String! username: String email: String firstName: String lastName: String role: UserRole isActive: Boolean
    identities: [IdentityInput!] }
  input ProfileInput { externalId: String username: String email: String firstName: String lastName: String }
  input TokenUser { id: ID externalId: String username: String profile: ProfileInput guest: Boolean = false }
  type IssuedToken { accessToken: String! expiresAt: DateTime! user: User! }
  input ChatInput { externalId: String! name: String topic: String visibility: Visibility metadata: JSON archived: Boolean postingRole: ChatRole }
  input MemberInput { userId: ID externalId: String role: ChatRole }
  enum ReportReason { spam abuse illegal other }
  enum Resolution { dismissed removed muted banned }
  enum ReportState { open resolved }
  type Report { id: ID! chatId: ID! chat: Chat messageId: ID! content: String! revision: Int! sender: User! reporter: User reason: ReportReason! note: String createdAt: DateTime! state: ReportState! resolution: Resolution resolvedBy: User resolvedAt: DateTime }
  type AuditEntry { seq: Int! at: DateTime! actor: User clientId: ID action: String! chatId: ID target: String reason: String entry: String! hash: String! }
  type AuditPage { entries: [AuditEntry!]! next: Int }
  type AuditHead { seq: Int! hash: String! }
  type Bot { id: ID! user: User! owner: User createdAt: DateTime! }
  type IncomingHook { id: ID! chat: Chat! bot: User! url: String createdAt: DateTime! lastUsedAt: DateTime }
  enum ChatKind { group direct }
  enum ChatRole { reader member moderator owner }
  enum ChatAction { read markRead report leave react send reply upload type invite edit delete pin mentionAll remove mute ban slowMode readReports roles
    rename settings archive deleteChat }
  enum Visibility { private public }
  enum InvitePolicy { moderators members }
  enum DeleteSpan { none hour day week all }
  enum RemovalCause { left removed banned erased }
  enum Notify { all mentions none }
  enum MessageAction { reply react edit delete pin report readHistory }

  type Chat { id: ID! name: String! kind: ChatKind! createdAt: DateTime! externalId: String visibility: Visibility! topic: String! memberCount: Int! metadata: JSON postingRole: ChatRole! slowSeconds: Int! invites: InvitePolicy! receipts: Boolean! retentionDays: Int archivedAt: DateTime cursor: String! viewerCan: [ChatAction!]! members(first: Int, after: ID): [ChatMembership!]! lastMessage: Message pins(first: Int, after: ID): [Message!]! viewer: ChatState }
  type PublicChat { id: ID! name: String! topic: String! memberCount: Int! createdAt: DateTime! }
  type ChatState { role: ChatRole! readSeq: Int! unread: Unread! notify: Notify! hidden: Boolean! mutedUntil: DateTime }
  type Unread { messages: Int! capped: Boolean! mentions: Int! threads: Int! firstSeq: Int }
  type ChatMembership { user: User! chat: Chat! role: ChatRole! joinedAt: DateTime! mutedUntil: DateTime }
  type Ban { user: User! until: DateTime by: User at: DateTime! reason: String }
  type AccessExplanation { allowed: Boolean! rule: String chain: [AccessStep!]! until: DateTime }
  type AccessStep { check: String! passed: Boolean! detail: String }
  type Message { id: ID! chat: Chat! sender: User! content: String! createdAt: DateTime! seq: Int! nonce: String
    revision: Int! editedAt: DateTime deletedAt: DateTime metadata: JSON mentions: [User!]! mentionsAll: Boolean!
    replyTo: Message threadRoot: Message alsoInChat: Boolean! thread: Thread pinnedAt: DateTime pinnedBy: User reactions: [Reaction!]!
    viewerCan: [MessageAction!]! history(first: Int, after: Int): [MessageRevision!]!
    readBy(first: Int = 50, after: ID): [User!] readCount: Int }
  type MessageRevision { revision: Int! content: String! at: DateTime! editor: User! }
  type Reaction { emoji: String! count: Int! mine: Boolean! users(first: Int = 20, after: ID): [User!]! }
  type Thread { root: Message! replyCount: Int! lastReply: Message cursor: String! participants(first: Int = 5): [User!]! viewer: ThreadState }
  type ThreadState { following: Boolean! readSeq: Int! unread: Int! unreadCapped: Boolean! mentions: Int! }

  interface ChatEvent { chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User }
  type MessageCreated implements ChatEvent { chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User message: Message! }
  type MessageEdited implements ChatEvent { chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User message: Message! }
  type MessageDeleted implements ChatEvent { chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User message: Message! }
  type ReactionsChanged implements ChatEvent { chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User message: Message! }
  type MessagePinned implements ChatEvent { chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User message: Message! }
  type MessageUnpinned implements ChatEvent { chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User message: Message! }
  type MemberAdded implements ChatEvent { chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User member: ChatMembership! }
  type MemberUpdated implements ChatEvent { chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User member: ChatMembership! }
  type ChatUpdated implements ChatEvent { chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User chat: Chat! changed: [String!]! }
  type ChatDeleted implements ChatEvent { chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User }
  type MemberRemoved implements ChatEvent { chatId: ID! seq: Int! cursor: String! at: DateTime! actor: User user: User! cause: RemovalCause!
    until: DateTime }
  union ChatSignal = TypingSignal | ReceiptSignal
  type TypingSignal { user: User! thread: ID }
  type ReceiptSignal { reads: [Receipt!]! }
  type Receipt { user: User! seq: Int! }

  enum PresenceStatus { online away offline }
  enum PresenceChoice { automatic away invisible }
  type Presence { userId: ID! status: PresenceStatus! lastActiveAt: DateTime }

  type ChatEventPage { events: [ChatEvent!]! cursor: String! hasMore: Boolean! }

  type InboxPage { position: String! items: [InboxItem!]! next: String }
  type InboxItem { chat: Chat! state: ChatState! }
  interface InboxEvent { position: String! chatId: ID! }
  type InboxChatEvent implements InboxEvent { position: String! chatId: ID! event: ChatEvent! }
  type InboxState implements InboxEvent { position: String! chatId: ID! state: ChatState! ofThreads: Boolean! }
  type InboxInvitation implements InboxEvent { position: String! chatId: ID! invitation: Invitation! }
  type InvitedChat { id: ID! name: String! topic: String! memberCount: Int! createdAt: DateTime! }
  type Invitation { id: ID! chat: InvitedChat! inviter: User role: ChatRole! createdAt: DateTime! expiresAt: DateTime! }
  type InviteLink { id: ID! code: String role: ChatRole! expiresAt: DateTime! maxUses: Int uses: Int! createdAt: DateTime! }
  type InboxGap implements InboxEvent { position: String! chatId: ID! after: String! cursor: String! }

  type Query {
    users(first: Int, after: ID): [User!]!
    bots(first: Int, after: ID): [Bot!]!
    incomingHooks(chatId: ID!): [IncomingHook!]!
    auditLog(after: Int, first: Int = 100, actorId: ID, action: String, chatId: ID): AuditPage!
    auditHead: AuditHead!
    invitations: [Invitation!]!
    blockedUsers: [User!]!
    reports(chatId: ID, state: ReportState = open, first: Int, after: ID): [Report!]!
    inviteLinks(chatId: ID!): [InviteLink!]!
    chats(first: Int, after: ID): [Chat!]!
    publicChats(query: String, first: Int, after: ID): [PublicChat!]!
    messages(chatId: ID!, last: Int = 50, before: Int, after: Int, thread: ID, deleted: Boolean = false): [Message!]!
    threads(chatId: ID!, following: Boolean = false, unread: Boolean = false, first: Int = 50, after: String): [Thread!]!
    mentions(first: Int = 50, before: ID): [Message!]!
    message(chatId: ID!, id: ID!): Message
    me: User!
    user(id: ID, externalId: String): User
    chat(id: ID, name: String, externalId: String): Chat
    chatEvents(chatId: ID!, after: String!, limit: Int = 200): ChatEventPage!
    bans(chatId: ID!, first: Int, after: ID): [Ban!]!
    explainAccess(userId: ID!, chatId: ID!, action: ChatAction!, messageId: ID): AccessExplanation!
    presence(userIds: [ID!]!): [Presence!]!
    inbox(first: Int = 50, after: String, hidden: Boolean = false): InboxPage!
  }
  type Mutation {
    createChat(name: String!, visibility: Visibility = private, topic: String, metadata: JSON, externalId: String): Chat!
    updateChat(id: ID!, name: String, topic: String, visibility: Visibility, postingRole: ChatRole, slowSeconds: Int, invites: InvitePolicy,
      receipts: Boolean, retentionDays: Int, metadata: JSON, externalId: String): Chat!
    archiveChat(id: ID!, archived: Boolean!): Chat!
    joinChat(id: ID!): ChatMembership!
    leaveChat(id: ID!): Boolean!
    deleteChat(id: ID!): Boolean!
    openDirectChat(userId: ID!): Chat!
    blockUser(id: ID!): Boolean!
    reportMessage(chatId: ID!, messageId: ID!, reason: ReportReason!, note: String): Report!
    resolveReport(id: ID!, resolution: Resolution!, note: String): Report!
    unblockUser(id: ID!): Boolean!
    inviteToChat(chatId: ID!, userId: ID!): Invitation!
    createInviteLink(chatId: ID!, role: ChatRole = member, expiresAt: DateTime, maxUses: Int): InviteLink!
    acceptInvitation(id: ID, code: String): ChatMembership!
    declineInvitation(id: ID!): Boolean!
    revokeInvitation(id: ID!): Boolean!
    assignUserToChat(userId: ID!, chatId: ID!): ChatMembership!
    sendMessage(chatId: ID!, content: String!, nonce: String, replyTo: ID, thread: ID, alsoInChat: Boolean = false,
      mentions: [ID!], mentionAll: Boolean = false, metadata: JSON): Message!
    markRead(chatId: ID!, seq: Int!, thread: ID): ChatState!
    markUnread(chatId: ID!, fromSeq: Int!): ChatState!
    markAllRead(chatIds: [ID!]): Boolean!
    setChatPreferences(chatId: ID!, notify: Notify, hidden: Boolean): ChatState!
    followThread(chatId: ID!, messageId: ID!, follow: Boolean!): Thread!
    editMessage(chatId: ID!, messageId: ID!, content: String!, revision: Int, mentions: [ID!], metadata: JSON): Message!
    deleteMessage(chatId: ID!, messageId: ID!): Message!
    deleteMessages(chatId: ID!, messageIds: [ID!]!): [Message!]!
    forgetHistory(chatId: ID!, messageId: ID!): Message!
    pinMessage(chatId: ID!, messageId: ID!): Message!
    unpinMessage(chatId: ID!, messageId: ID!): Message!
    addReaction(chatId: ID!, messageId: ID!, emoji: String!): Message!
    removeReaction(chatId: ID!, messageId: ID!, emoji: String!): Message!
    removeUserFromChat(userId: ID!, chatId: ID!): Boolean!
    setMemberRole(chatId: ID!, userId: ID!, role: ChatRole!): ChatMembership!
    muteMember(chatId: ID!, userId: ID!, until: DateTime, reason: String): ChatMembership!
    unmuteMember(chatId: ID!, userId: ID!, reason: String): ChatMembership!
    banUser(chatId: ID!, userId: ID!, until: DateTime, reason: String, deleteMessages: DeleteSpan = none): Boolean!
    unbanUser(chatId: ID!, userId: ID!): Boolean!
    createUser(username: String!, password: String!, email: String, firstName: String, lastName: String, role: UserRole = user, externalId: String): User!
    updateUser(id: ID!, email: String, firstName: String, lastName: String, role: UserRole, isActive: Boolean, externalId: String, username: String): User!
    issueToken(user: TokenUser!, scopes: [String!], chats: [ID!], expiresIn: Int = 3600, client: String): IssuedToken!
    upsertUsers(users: [UserInput!]!): [User!]!
    upsertChats(chats: [ChatInput!]!): [Chat!]!
    setChatMembers(chatId: ID!, add: [MemberInput!], remove: [MemberInput!], exactly: [MemberInput!]): [ChatMembership!]!
    createBot(username: String!, ownerId: ID!): Bot!
    createIncomingHook(chatId: ID!, botId: ID!): IncomingHook!
    deleteIncomingHook(id: ID!): Boolean!
    changePassword(currentPassword: String!, newPassword: String!): Boolean!
    reauthenticate(token: String!): Boolean!
    createSocketTicket: String!
    setTyping(chatId: ID!, thread: ID): Boolean!
    setPresence(status: PresenceChoice!): Presence!
  }
  type Subscription {
    chatEvents(chatId: ID!, after: String): ChatEvent!
    messageSent(chatId: ID!): Message!
    chatSignals(chatId: ID!): ChatSignal!
    presence(userIds: [ID!]!): Presence!
    inbox(after: String, maxMissed: Int = 500): InboxEvent!
  }
`;

test('schema.graphql is what the code defines (npm run schema)', async () => {
  const committed = await readFile(new URL('../../../schema.graphql', import.meta.url), 'utf8');
  expect(printedSchema()).toBe(committed);
});

test('the schema is the wire contract', () => {
  const bare = introspectionFromSchema(schema, { descriptions: false, specifiedByUrl: false });
  const print = (each: GraphQLSchema) => printSchema(lexicographicSortSchema(each));
  expect(print(buildClientSchema(bare))).toBe(print(buildSchema(CONTRACT)));
});

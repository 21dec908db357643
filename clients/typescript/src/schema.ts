// The types of schema.graphql, as answers have them. Written by `npm run schema`.

/** Whether a user may do something in a chat, and why. */
export interface AccessExplanation {
  /** Whether the user may. */
  allowed: boolean;
  /** The checks in their order, up to the one that refuses. */
  chain: AccessStep[];
  /** The rule that refuses it; null when it is allowed. */
  rule: string | null;
  /** When the refusal ends by itself: a mute, or slow mode. Null when it does not. A mute without an end has the year 9999. */
  until: string | null;
}

/** One check of a decision. */
export interface AccessStep {
  /** The rule that was checked, as in `extensions.rule` of a refusal. */
  check: string;
  /** Why it did not pass. */
  detail: string | null;
  /** Whether it passed. The last one of a refusal did not. */
  passed: boolean;
}

/** An act with the rights of an admin, a moderator or an operator. Entries are a chain: each hash is the SHA-256 of the hash before it, 32 zero bytes for the first, and of `entry`. */
export interface AuditEntry {
  /** What was done: the type of the chat’s event where there is one, as `member.removed`. */
  action: string;
  /** Who did it. Null for an operator. */
  actor: User | null;
  /** When it was done. */
  at: string;
  /** The chat that it is about. */
  chatId: string | null;
  /** The `client_id` of the application with whose token it was done. */
  clientId: string | null;
  /** The canonical JSON (RFC 8785) exactly as it was hashed: `seq`, `at`, `actor`, `client`, `action`, `chat`, `target`, `data`, and in `reason` the salted hash of the words. */
  entry: string;
  /** 64 hexadecimal digits. */
  hash: string;
  /** The actor’s words. Null when there were none, or when they were erased. */
  reason: string | null;
  /** Its number. The first is 1, and none is missing. */
  seq: number;
  /** The id of what it was done to: a user, a message, an application. */
  target: string | null;
}

/** The end of the audit log. Kept elsewhere, it proves later that the log up to it was not changed. */
export interface AuditHead {
  /** Its hash, 64 hexadecimal digits. */
  hash: string;
  /** The number of the newest entry. 0 before the first. */
  seq: number;
}

/** Some entries of the audit log. */
export interface AuditPage {
  /** The entries, oldest first. */
  entries: AuditEntry[];
  /** What to give as `after` for the next page. Null on the last one. */
  next: number | null;
}

/** A user who may not be a member of a chat. */
export interface Ban {
  /** When they were banned. */
  at: string;
  /** Who banned them; null for an operator. */
  by: User | null;
  /** The words of who banned them, if there were any. */
  reason: string | null;
  /** Null for ever. */
  until: string | null;
  /** Who is banned. */
  user: User;
}

/** A program that is a user. The rules of users hold for it. */
export interface Bot {
  /** When it was created. */
  createdAt: string;
  /** The id of its user. */
  id: string;
  /** Whom it belongs to. Null for a bot that an operator made. */
  owner: User | null;
  /** The user that it is in chats. */
  user: User;
}

/** A conversation. Its members can read it, and admins can read group chats; `viewerCan` says what else the viewer may do. */
export interface Chat {
  /** An archived chat can be read, and not changed. */
  archivedAt: string | null;
  /** When the chat was created. */
  createdAt: string;
  /** The position of the newest change. It is never newer than what the same request reads, so a stream that you open with it misses nothing. */
  cursor: string;
  /** The chat’s id in the product that this service is part of, if it has one. */
  externalId: string | null;
  /** Stays the same when the chat is renamed. */
  id: string;
  /** Who may invite to the chat. */
  invites: InvitePolicy;
  /** Whether it is a group or a direct chat. It never changes. */
  kind: ChatKind;
  /** The newest message; null in a chat without messages. */
  lastMessage: Message | null;
  /** How many members it has. */
  memberCount: number;
  /** The members, in the order in which their accounts were created. Somebody who joins later may appear on a page that you have read already: `chatEvents` reports every new member. */
  members: ChatMembership[];
  /** A JSON object of the clients’, if they gave one. */
  metadata: unknown | null;
  /** Of a direct chat, `dm-` and its id. */
  name: string;
  /** The pinned messages, the newest pin first. A chat has at most 100. */
  pins: Message[];
  /** The lowest role that sends messages. */
  postingRole: ChatRole;
  /** Whether members see who has read what (`Message.readBy`). */
  receipts: boolean;
  /** For how long messages are kept; null for the default of the service. */
  retentionDays: number | null;
  /** The fewest seconds between two messages of a member; 0 for none. Moderators are free of it. */
  slowSeconds: number;
  /** What the chat is about; empty for none. */
  topic: string;
  /** Null when you are no member of the chat. */
  viewer: ChatState | null;
  /** What the viewer may do in the chat now, with the scopes of their token. A mute, the archive, `postingRole` and slow mode take actions away. */
  viewerCan: ChatAction[];
  /** Who finds the chat. */
  visibility: Visibility;
}

/** What somebody may do in a chat. */
export type ChatAction =
  | 'archive'
  | 'ban'
  | 'delete'
  | 'deleteChat'
  | 'edit'
  | 'invite'
  | 'leave'
  | 'markRead'
  | 'mentionAll'
  | 'mute'
  | 'pin'
  | 'react'
  | 'read'
  | 'readReports'
  | 'remove'
  | 'rename'
  | 'reply'
  | 'report'
  | 'roles'
  | 'send'
  | 'settings'
  | 'slowMode'
  | 'type'
  | 'upload';

/** The chat was deleted. The last event of every stream of it. */
export interface ChatDeleted {
  /** Who did it; null for an operator's command. */
  actor: User | null;
  /** When the change was made. */
  at: string;
  /** The chat that was changed. */
  chatId: string;
  /** Pass it as `after` to resume behind this event. */
  cursor: string;
  /** The number of the change. The chat’s messages and its other changes are numbered together. */
  seq: number;
}

/** A durable change of a chat. The changes of a chat are numbered 1, 2, 3, … */
export interface ChatEvent {
  /** Who did it; null for an operator's command. */
  actor: User | null;
  /** When the change was made. */
  at: string;
  /** The chat that was changed. */
  chatId: string;
  /** Pass it as `after` to resume behind this event. */
  cursor: string;
  /** The number of the change. The chat’s messages and its other changes are numbered together. */
  seq: number;
}

/** A part of the history of a chat. */
export interface ChatEventPage {
  /** Pass it as `after` to get the next page, or to open a stream behind this page. */
  cursor: string;
  /** The changes, oldest first. */
  events: ChatEvent[];
  /** Whether the history has changes behind this page. */
  hasMore: boolean;
}

/** How many people a chat is for. */
export type ChatKind = 'direct' | 'group';

/** One user in one chat. */
export interface ChatMembership {
  /** The chat. */
  chat: Chat;
  /** When the membership began. */
  joinedAt: string;
  /** Until then the member writes nothing that others see; null for who is not muted. A mute without an end has the year 9999. */
  mutedUntil: string | null;
  /** What the member may do. */
  role: ChatRole;
  /** The member. */
  user: User;
}

/** What a member may do in a chat; each may do what those before may. A user with the role admin may do what an owner may, in every group chat. In a direct chat both are `member`. */
export type ChatRole = 'member' | 'moderator' | 'owner' | 'reader';

/** Something of the moment: it has no number, and may be lost. */
export type ChatSignal = ReceiptSignal | TypingSignal;

/** What a chat is to you, its member. */
export interface ChatState {
  /** Whether you have hidden the chat from your inbox. */
  hidden: boolean;
  /** Null when you are not muted. */
  mutedUntil: string | null;
  /** Of what you want to be notified. */
  notify: Notify;
  /** Your read marker: the newest number that you have read, 0 for none. Sending does not move it. */
  readSeq: number;
  /** Your role in the chat. */
  role: ChatRole;
  /** What you have not read. */
  unread: Unread;
}

/** Settings of the chat are others. Those of one call are one event. */
export interface ChatUpdated {
  /** Who did it; null for an operator's command. */
  actor: User | null;
  /** When the change was made. */
  at: string;
  /** What has changed, by the names of the arguments of `updateChat`, and `archived`. */
  changed: string[];
  /** The chat as it is now. */
  chat: Chat;
  /** The chat that was changed. */
  chatId: string;
  /** Pass it as `after` to resume behind this event. */
  cursor: string;
  /** The number of the change. The chat’s messages and its other changes are numbered together. */
  seq: number;
}

/** Which messages of a banned user are deleted. */
export type DeleteSpan = 'all' | 'day' | 'hour' | 'none' | 'week';

/** A change of a chat. The changes of one chat come in their order, each once. */
export interface InboxChatEvent {
  /** The chat that it is about. */
  chatId: string;
  /** The change. */
  event: ChatEvent;
  /** Pass it as `after` to resume behind this. */
  position: string;
}

/** Something new in one of your chats. */
export interface InboxEvent {
  /** The chat that it is about. */
  chatId: string;
  /** Pass it as `after` to resume behind this. */
  position: string;
}

/** You missed more of a chat than `maxMissed`: what lies between the cursors. Load it when you open the chat. */
export interface InboxGap {
  /** The cursor behind which you were sent nothing. Pass it to the query `chatEvents`. */
  after: string;
  /** The chat that it is about. */
  chatId: string;
  /** The cursor behind which the stream goes on. */
  cursor: string;
  /** Pass it as `after` to resume behind this. */
  position: string;
}

/** You were invited to a chat, or an invitation was accepted, declined or revoked: it has expired then. The invitation is that of now. */
export interface InboxInvitation {
  /** The chat that it is about. */
  chatId: string;
  /** The invitation as it is now. */
  invitation: Invitation;
  /** Pass it as `after` to resume behind this. */
  position: string;
}

/** One of your chats. */
export interface InboxItem {
  /** The chat. */
  chat: Chat;
  /** What the chat is to you. */
  state: ChatState;
}

/** A part of your inbox. */
export interface InboxPage {
  /** The chats, the one with the newest message first. */
  items: InboxItem[];
  /** Pass it as `after` to get the next page. */
  next: string | null;
  /** Subscribe to `inbox` after the position of the first page, and drop events that are not above `chat.cursor`. */
  position: string;
}

/** You have moved a marker or set a preference, on any of your devices. The state is that of now. */
export interface InboxState {
  /** The chat that it is about. */
  chatId: string;
  /** Whether it is, or may be, about threads of the chat: which ones you follow, or what you have read of them. */
  ofThreads: boolean;
  /** Pass it as `after` to resume behind this. */
  position: string;
  /** What the chat is to you now. */
  state: ChatState;
}

/** An address at which other programs post messages of a bot to a chat. Whoever knows the address may post. */
export interface IncomingHook {
  /** Who sends the messages. */
  bot: User;
  /** The chat to which it posts. */
  chat: Chat;
  /** When it was made. */
  createdAt: string;
  /** For `deleteIncomingHook`. It is no secret. */
  id: string;
  /** When somebody posted last, to a minute. Null before the first time. */
  lastUsedAt: string | null;
  /** The address, in the answer that made the hook. Null later: it cannot be read again. */
  url: string | null;
}

/** An invitation of one user to one chat. One that was accepted, declined or revoked has expired. */
export interface Invitation {
  /** The chat that it is to. */
  chat: InvitedChat;
  /** When it was made. */
  createdAt: string;
  /** When it ends, or when it ended. */
  expiresAt: string;
  /** For `acceptInvitation`, `declineInvitation` and `revokeInvitation`. */
  id: string;
  /** Who invited. Null when the account is gone. */
  inviter: User | null;
  /** What who accepts becomes. */
  role: ChatRole;
}

/** A code by which people join a chat. */
export interface InviteLink {
  /** What people give to `acceptInvitation`. In the answer of `createInviteLink` alone, and null later. */
  code: string | null;
  /** When it was made. */
  createdAt: string;
  /** When it ends. */
  expiresAt: string;
  /** For `revokeInvitation`. Nobody joins by it. */
  id: string;
  /** How many may join by it. Null: as many as come. */
  maxUses: number | null;
  /** What who accepts becomes. */
  role: ChatRole;
  /** How many have joined by it. */
  uses: number;
}

/** Who may invite to a chat. */
export type InvitePolicy = 'members' | 'moderators';

/** A chat that you are invited to, as you see it before you have joined. */
export interface InvitedChat {
  /** When the chat was created. */
  createdAt: string;
  /** The id of the chat. */
  id: string;
  /** How many members it has. */
  memberCount: number;
  /** The name of the chat. */
  name: string;
  /** What the chat is about; empty for none. */
  topic: string;
}

/** An access token of a user. Nothing refreshes it: ask for the next one. */
export interface IssuedToken {
  /** Goes into `Authorization: Bearer …`. It cannot be read again. */
  accessToken: string;
  /** When the token ends. */
  expiresAt: string;
  /** Whom it is for, as they are after the call. */
  user: User;
}

/** A user became a member of the chat. */
export interface MemberAdded {
  /** Who did it; null for an operator's command. */
  actor: User | null;
  /** When the change was made. */
  at: string;
  /** The chat that was changed. */
  chatId: string;
  /** Pass it as `after` to resume behind this event. */
  cursor: string;
  /** The new member. */
  member: ChatMembership;
  /** The number of the change. The chat’s messages and its other changes are numbered together. */
  seq: number;
}

/** A membership ended. The user gets no event of the chat after this one, unless they are an admin. */
export interface MemberRemoved {
  /** Who did it; null for an operator's command. */
  actor: User | null;
  /** When the change was made. */
  at: string;
  /** Why the membership ended. */
  cause: RemovalCause;
  /** The chat that was changed. */
  chatId: string;
  /** Pass it as `after` to resume behind this event. */
  cursor: string;
  /** The number of the change. The chat’s messages and its other changes are numbered together. */
  seq: number;
  /** When the ban ends; null without one, and for a ban without an end. */
  until: string | null;
  /** Whose membership ended. */
  user: User;
}

/** A member got another role, was muted, or is muted no more. */
export interface MemberUpdated {
  /** Who did it; null for an operator's command. */
  actor: User | null;
  /** When the change was made. */
  at: string;
  /** The chat that was changed. */
  chatId: string;
  /** Pass it as `after` to resume behind this event. */
  cursor: string;
  /** The member as they are now. */
  member: ChatMembership;
  /** The number of the change. The chat’s messages and its other changes are numbered together. */
  seq: number;
}

/** What one user said in one chat. */
export interface Message {
  /** Whether a reply in a thread is in the main timeline too. */
  alsoInChat: boolean;
  /** The chat that it was sent to. */
  chat: Chat;
  /** The words, 1 to 4000 characters; empty when the message is deleted. */
  content: string;
  /** When the message was sent. */
  createdAt: string;
  /** When the message was deleted. Its content is empty since. */
  deletedAt: string | null;
  /** When the message was edited last; null if it never was. */
  editedAt: string | null;
  /** The earlier versions of the message, oldest first, without the present one; the newest 100 are kept. Only for who sent the message and for who may delete it; others get FORBIDDEN. */
  history: MessageRevision[];
  /** Stays the same when the message is edited. */
  id: string;
  /** The users whom the message mentions by name. */
  mentions: User[];
  /** Whether the message mentions every member. */
  mentionsAll: boolean;
  /** A JSON object of the client that sent or edited the message. */
  metadata: unknown | null;
  /** The nonce that the sender chose. Only the sender sees it; it is null for everybody else. */
  nonce: string | null;
  /** When the message was pinned; null when it is not pinned. */
  pinnedAt: string | null;
  /** Who pinned it; null when it is not pinned. */
  pinnedBy: User | null;
  /** In the order of the first reactions. */
  reactions: Reaction[];
  /** The members who have read the message by their read markers, without its sender, in the order of their ids. A reply in a thread is read by the marker of the thread. Null in a chat with more members than `RECEIPTS_LIMIT`, and in one whose `receipts` are off. */
  readBy: User[] | null;
  /** How many members have read the message, as of `readBy`. */
  readCount: number | null;
  /** The message that this one quotes, as it is now. */
  replyTo: Message | null;
  /** How often the message was edited. */
  revision: number;
  /** Who sent it. */
  sender: User;
  /** The number of the message in its chat. */
  seq: number;
  /** The replies to this message in its thread; null for a message without any, and for a reply. */
  thread: Thread | null;
  /** The message whose thread this one is in; null for a message of the main timeline. */
  threadRoot: Message | null;
  /** What the viewer may do with the message now, with the scopes of their token. Nothing with a deleted one. */
  viewerCan: MessageAction[];
}

/** What somebody may do with a message. */
export type MessageAction = 'delete' | 'edit' | 'pin' | 'react' | 'readHistory' | 'reply' | 'report';

/** Somebody sent a message. */
export interface MessageCreated {
  /** Who did it; null for an operator's command. */
  actor: User | null;
  /** When the change was made. */
  at: string;
  /** The chat that was changed. */
  chatId: string;
  /** Pass it as `after` to resume behind this event. */
  cursor: string;
  /** The message as it is now: it may be edited or deleted already. */
  message: Message;
  /** The number of the change. The chat’s messages and its other changes are numbered together. */
  seq: number;
}

/** A message was deleted. `message` is what is left of it: its content is empty. */
export interface MessageDeleted {
  /** Who did it; null for an operator's command. */
  actor: User | null;
  /** When the change was made. */
  at: string;
  /** The chat that was changed. */
  chatId: string;
  /** Pass it as `after` to resume behind this event. */
  cursor: string;
  /** What is left of it. */
  message: Message;
  /** The number of the change. The chat’s messages and its other changes are numbered together. */
  seq: number;
}

/** A message was edited. `message` is as it is now. */
export interface MessageEdited {
  /** Who did it; null for an operator's command. */
  actor: User | null;
  /** When the change was made. */
  at: string;
  /** The chat that was changed. */
  chatId: string;
  /** Pass it as `after` to resume behind this event. */
  cursor: string;
  /** The message as it is now. */
  message: Message;
  /** The number of the change. The chat’s messages and its other changes are numbered together. */
  seq: number;
}

/** A message was pinned in the chat. */
export interface MessagePinned {
  /** Who did it; null for an operator's command. */
  actor: User | null;
  /** When the change was made. */
  at: string;
  /** The chat that was changed. */
  chatId: string;
  /** Pass it as `after` to resume behind this event. */
  cursor: string;
  /** The message as it is now: it may be unpinned already. */
  message: Message;
  /** The number of the change. The chat’s messages and its other changes are numbered together. */
  seq: number;
}

/** What a message said before an edit. */
export interface MessageRevision {
  /** When these words were written. */
  at: string;
  /** The words of this version. */
  content: string;
  /** Who wrote them. */
  editor: User;
  /** 0 for the words that were sent. */
  revision: number;
}

/** A message is no longer pinned in the chat. */
export interface MessageUnpinned {
  /** Who did it; null for an operator's command. */
  actor: User | null;
  /** When the change was made. */
  at: string;
  /** The chat that was changed. */
  chatId: string;
  /** Pass it as `after` to resume behind this event. */
  cursor: string;
  /** The message as it is now: it may be pinned again already. */
  message: Message;
  /** The number of the change. The chat’s messages and its other changes are numbered together. */
  seq: number;
}

/** Of which messages a member wants to be notified. The service keeps it for whatever notifies. */
export type Notify = 'all' | 'mentions' | 'none';

/** Whether a user is there. Users see their own as it is. */
export interface Presence {
  /** The minute of the last frame or request of the user. Null for a user who never was there. */
  lastActiveAt: string | null;
  /** Whether the user is there. */
  status: PresenceStatus;
  /** The user. */
  userId: string;
}

/** How to be shown to others. */
export type PresenceChoice = 'automatic' | 'away' | 'invisible';

/** Whether a user is there, as others see it. */
export type PresenceStatus = 'away' | 'offline' | 'online';

/** What everybody who is signed in may know of a public chat. Everything else is for its members. */
export interface PublicChat {
  /** When the chat was created. */
  createdAt: string;
  /** For `joinChat`. */
  id: string;
  /** How many members it has. */
  memberCount: number;
  /** The name of the chat. */
  name: string;
  /** What the chat is about; empty for none. */
  topic: string;
}

/** The reactions to a message with one emoji. */
export interface Reaction {
  /** How many users have reacted so. */
  count: number;
  /** One emoji, in the spelling of the Unicode standard, or `:name:`. */
  emoji: string;
  /** Whether the viewer has reacted so. */
  mine: boolean;
  /** The users who reacted so, those who did last first. As of now: `count` may be a moment older. */
  users: User[];
}

/** The reactions to a message changed. `message` has them all. `actor` is null when several users reacted. */
export interface ReactionsChanged {
  /** Who did it; null for an operator's command. */
  actor: User | null;
  /** When the change was made. */
  at: string;
  /** The chat that was changed. */
  chatId: string;
  /** Pass it as `after` to resume behind this event. */
  cursor: string;
  /** The message, with the reactions that it has now. */
  message: Message;
  /** The number of the change. The chat’s messages and its other changes are numbered together. */
  seq: number;
}

/** A member has read the main timeline up to this number. */
export interface Receipt {
  /** The number of the newest message that they have read. */
  seq: number;
  /** Who has read it. */
  user: User;
}

/** What members have read since the last one. Chats with many members have none. */
export interface ReceiptSignal {
  /** At most 50, one for each user. The rest comes with the next signal. */
  reads: Receipt[];
}

/** Why a membership ended. */
export type RemovalCause = 'banned' | 'erased' | 'left' | 'removed';

/** A report of a message, with a copy of what it said then. It is kept for 90 days. */
export interface Report {
  /** The same. Null if you may not read it, as other people’s direct chats and deleted ones. */
  chat: Chat | null;
  /** The chat that the message is in. */
  chatId: string;
  /** What the message said when it was reported. */
  content: string;
  /** When it was reported. */
  createdAt: string;
  /** For `resolveReport`. */
  id: string;
  /** The message. It may be edited or deleted since. */
  messageId: string;
  /** The reporter’s words. */
  note: string | null;
  /** What is wrong with it, to the reporter. */
  reason: ReportReason;
  /** Null when the account is gone. */
  reporter: User | null;
  /** Null while it is open. */
  resolution: Resolution | null;
  /** When it was closed; null while it is open. */
  resolvedAt: string | null;
  /** Who closed it; null while it is open, and when the account is gone. */
  resolvedBy: User | null;
  /** The revision that said so. */
  revision: number;
  /** Who sent the message. */
  sender: User;
  /** Whether it waits for a moderator. */
  state: ReportState;
}

/** Why a message is reported. */
export type ReportReason = 'abuse' | 'illegal' | 'other' | 'spam';

/** Whether a report waits for a moderator. */
export type ReportState = 'open' | 'resolved';

/** What became of a report. */
export type Resolution = 'banned' | 'dismissed' | 'muted' | 'removed';

/** A message and the replies to it. */
export interface Thread {
  /** Pass it as `after` to `threads` to get the threads behind this one. */
  cursor: string;
  /** The newest reply that is not deleted. */
  lastReply: Message | null;
  /** Who replied last, the newest first, among the senders of the newest 200 replies. */
  participants: User[];
  /** The replies that are not deleted. */
  replyCount: number;
  /** The message that it began with. */
  root: Message;
  /** Null when you are no member of the chat. */
  viewer: ThreadState | null;
}

/** What a thread is to you. */
export interface ThreadState {
  /** Whoever begins a thread, replies in it or is mentioned in it follows it. */
  following: boolean;
  /** How many unread mentions of you it has, at most 100. */
  mentions: number;
  /** The number of the newest reply that you have read. */
  readSeq: number;
  /** Replies of others behind `readSeq`, at most 100. */
  unread: number;
  /** Whether there are more than `unread`. */
  unreadCapped: boolean;
}

/** Somebody is writing. Forget it after 6 seconds, and when a message of this user comes. */
export interface TypingSignal {
  /** The id of the message in whose thread they write. Null in the main timeline. */
  thread: string | null;
  /** Who writes. */
  user: User;
}

/** What you have not read, counted when you ask. What others deleted and what you sent yourself does not count. */
export interface Unread {
  /** Whether there are more than `messages`. */
  capped: boolean;
  /** The number of the oldest unread message. */
  firstSeq: number | null;
  /** How many mentions of you the main timeline has behind `readSeq`, in messages and in edits; at most 100. */
  mentions: number;
  /** Messages of the main timeline behind `readSeq`, at most 100. */
  messages: number;
  /** Threads that you follow with unread replies, at most 100. They have markers of their own. */
  threads: number;
}

/** Somebody who can sign in. */
export interface User {
  /** When the user was created. */
  dateJoined: string;
  /** Only the user and admins see it; it is null for everybody else. */
  email: string | null;
  /** The user’s id in the product that this service is part of, if it has one. Only the user and admins see it; it is null for everybody else. */
  externalId: string | null;
  /** Empty for none. */
  firstName: string;
  /** Stays the same when the user is renamed. */
  id: string;
  /** Whether the user can sign in. Only the user and admins see it; it is null for everybody else. */
  isActive: boolean | null;
  /** Whether it is a person or a program. */
  kind: UserKind;
  /** Empty for none. */
  lastName: string;
  /** What the user may do in the whole service. */
  role: UserRole;
  /** Unique. What the user signs in with. */
  username: string;
}

/** Who uses an account. */
export type UserKind = 'bot' | 'guest' | 'human';

/** An admin reads and writes every group chat, and manages users, chats and memberships. */
export type UserRole = 'admin' | 'user';

/** Who finds a chat. */
export type Visibility = 'private' | 'public';

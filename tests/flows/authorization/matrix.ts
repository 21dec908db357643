import type { Answers, Caller, World } from './world.js';

const NOBODY = { anonymous: 'UNAUTHENTICATED', expired: 'UNAUTHENTICATED' };
const all = (answer: string): Answers => ({
  ...NOBODY,
  stranger: answer,
  former: answer,
  member: answer,
  admin: answer,
  readOnly: answer,
});

const users = all('ok');
const members = { ...users, stranger: 'NOT_FOUND', former: 'NOT_FOUND' };
/** Where a chat that is not yours looks like none. */
const membersOrNull = { ...users, stranger: 'null', former: 'null' };
const admins = { ...all('FORBIDDEN'), admin: 'ok' };
/** What takes a role in the chat that a member does not have. */
const roles = { ...admins, stranger: 'NOT_FOUND', former: 'NOT_FOUND' };
const selfAndAdmins = { ...users, stranger: 'null', former: 'null' };
const sender = { ...membersOrNull, admin: 'null' };
/** Who shares a chat with the member: the member alone, since an admin is told of nobody else. */
const acquaintances = sender;
/** What a chat is to its members: an admin is none here. */
const ofMembers = { ...membersOrNull, admin: 'null' };
const writers = { ...users, readOnly: 'FORBIDDEN' };
const writingMembers = { ...members, readOnly: 'FORBIDDEN' };
const wrongInput = { ...all('BAD_USER_INPUT'), readOnly: 'FORBIDDEN' };
/** Over HTTP nothing is looked at but the token, if there is one. */
const notOverHttp = { ...all('BAD_USER_INPUT'), anonymous: 'BAD_USER_INPUT' };

export interface Row {
  document(ids: World['ids'], token: string | null): string;
  /** Over HTTP and over a socket. */
  answers: Answers;
  /** Over HTTP, where that is another answer. */
  overHttp?: Answers;
}

const unique = () => crypto.randomUUID().slice(0, 8);
const row = (document: Row['document'], answers: Answers, overHttp?: Answers): Row => ({
  document,
  answers,
  ...(overHttp && { overHttp }),
});

/** Fields of a type: how to get to one, and who reads it. */
function rows(type: string, reach: (selection: string) => Row['document'], fields: Record<string, Answers>) {
  return Object.fromEntries(
    Object.entries(fields).map(([field, answers]) => {
      const [name = '', selection = ''] = field.split(' ');
      return [`${type}.${name}`, row(reach(selection ? `${name} ${selection}` : name), answers)];
    }),
  );
}

const event =
  (type: string) =>
  (selection: string) =>
  ({ chat, epoch }: World['ids']) =>
    `{ chatEvents(chatId: "${chat}", after: "${epoch}:0") { events { ... on ${type} { ${selection} } } } }`;
const EVENT_FIELDS = { chatId: members, seq: members, cursor: members, at: members };
/** An operator's deeds have no actor; only the message's event has one here. */
const NO_ACTOR = { 'actor {id}': { ...members, member: 'null', admin: 'null', readOnly: 'null' } };

/** The test data has nothing there. */
const noEvent = { ...members, member: 'null', admin: 'null', readOnly: 'null' };
const eventsOfMessage = (type: string) =>
  rows(type, event(type), { ...EVENT_FIELDS, 'actor {id}': members, 'message {id}': members });

const signal = (type: string, selection: string) =>
  row(
    ({ chat }) => `subscription { chatSignals(chatId: "${chat}") { ... on ${type} { ${selection} } } }`,
    members,
    notOverHttp,
  );

/** The first event of one's own inbox, of whatever type. */
const inboxEvent = (selection: string) =>
  row(({ beginning }) => `subscription { inbox(after: "${beginning}") { ${selection} } }`, users, notOverHttp);

const issueToken =
  (selection: string) =>
  ({ member }: World['ids']) =>
    `mutation { issueToken(user: { id: "${member}" }) { ${selection} } }`;

const ofMessage = ({ chat }: World['ids'], messageId: string) => `chatId: "${chat}", messageId: "${messageId}"`;

/** Every field of the schema by its type and name, and what each kind of caller gets. */
export const MATRIX: Record<string, Row> = {
  'Query.users': row(() => '{ users { id } }', admins),
  'Query.auditLog': row(() => '{ auditLog { next entries { seq } } }', admins),
  'Query.auditHead': row(() => '{ auditHead { seq } }', admins),
  'Query.blockedUsers': row(() => '{ blockedUsers { id } }', all('null')),
  'Query.reports': row(({ chat }) => `{ reports(chatId: "${chat}") { id } }`, roles),
  'Query.invitations': row(() => '{ invitations { id } }', users),
  'Query.inviteLinks': row(({ chat }) => `{ inviteLinks(chatId: "${chat}") { id } }`, roles),
  'Query.bots': row(() => '{ bots { id } }', admins),
  'Query.chats': row(() => '{ chats { id } }', membersOrNull),
  'Query.publicChats': row(() => '{ publicChats { id } }', users),
  'Query.messages': row(({ chat }) => `{ messages(chatId: "${chat}") { id } }`, members),
  'Query.message': row(({ chat, edited }) => `{ message(chatId: "${chat}", id: "${edited}") { id } }`, membersOrNull),
  'Query.threads': row(({ chat }) => `{ threads(chatId: "${chat}") { replyCount } }`, members),
  'Query.bans': row(({ chat }) => `{ bans(chatId: "${chat}") { at } }`, roles),
  'Query.explainAccess': row(
    ({ chat, member }) => `{ explainAccess(chatId: "${chat}", userId: "${member}", action: send) { allowed } }`,
    members,
  ),
  'Query.mentions': row(() => '{ mentions { id } }', sender),
  'Query.me': row(() => '{ me { id } }', users),
  'Query.user': row(({ member }) => `{ user(id: "${member}") { id } }`, users),
  'Query.chat': row(({ chat }) => `{ chat(id: "${chat}") { id } }`, membersOrNull),
  'Query.chatEvents': row(
    ({ chat, epoch }) => `{ chatEvents(chatId: "${chat}", after: "${epoch}:0") { cursor } }`,
    members,
  ),
  'Query.presence': row(({ member }) => `{ presence(userIds: ["${member}"]) { userId } }`, acquaintances),

  'Query.incomingHooks': row(({ chat }) => `{ incomingHooks(chatId: "${chat}") { id } }`, roles),
  ...rows(
    'IncomingHook',
    (selection) =>
      ({ chat }) =>
        `{ incomingHooks(chatId: "${chat}") { ${selection} } }`,
    {
      id: roles,
      'chat {id}': roles,
      'bot {id}': roles,
      url: { ...roles, admin: 'null' },
      createdAt: roles,
      lastUsedAt: { ...roles, admin: 'null' },
    },
  ),
  'Query.inbox': row(() => '{ inbox { position } }', users),

  'Mutation.createChat': row(() => `mutation { createChat(name: "${unique()}") { id } }`, admins),
  'Mutation.updateChat': row(({ chat }) => `mutation { updateChat(id: "${chat}", topic: "news") { id } }`, roles),
  'Mutation.archiveChat': row(({ chat }) => `mutation { archiveChat(id: "${chat}", archived: false) { id } }`, roles),
  // The chat is deleted already. Who does it is in tests/domain/chats.
  ...Object.fromEntries(
    ['joinChat', 'leaveChat'].map((name) => [
      `Mutation.${name}`,
      row(({ ended }) => `mutation { ${name}(id: "${ended}") ${name === 'joinChat' ? '{ role }' : ''} }`, {
        ...all('NOT_FOUND'),
        readOnly: 'FORBIDDEN',
      }),
    ]),
  ),
  'Mutation.deleteChat': row(({ ended }) => `mutation { deleteChat(id: "${ended}") }`, {
    ...all('NOT_FOUND'),
    readOnly: 'FORBIDDEN',
  }),
  'Mutation.openDirectChat': row(({ friend }) => `mutation { openDirectChat(userId: "${friend}") { id } }`, writers),
  'Mutation.blockUser': row(({ robot }) => `mutation { blockUser(id: "${robot}") }`, writers),
  'Mutation.unblockUser': row(({ robot }) => `mutation { unblockUser(id: "${robot}") }`, writers),
  'Mutation.reportMessage': row(
    ({ chat, first }) =>
      `mutation { reportMessage(${ofMessage({ chat } as World['ids'], first)}, reason: spam) { id } }`,
    writingMembers,
  ),
  'Mutation.resolveReport': row(
    ({ report }) => `mutation { resolveReport(id: "${report}", resolution: dismissed) { id } }`,
    roles,
  ),
  'Mutation.inviteToChat': row(
    ({ chat, friend }) => `mutation { inviteToChat(chatId: "${chat}", userId: "${friend}") { id } }`,
    roles,
  ),
  'Mutation.createInviteLink': row(({ chat }) => `mutation { createInviteLink(chatId: "${chat}") { code } }`, roles),
  'Mutation.declineInvitation': row(() => `mutation { declineInvitation(id: "${crypto.randomUUID()}") }`, {
    ...all('NOT_FOUND'),
    readOnly: 'FORBIDDEN',
  }),
  'Mutation.revokeInvitation': row(({ link }) => `mutation { revokeInvitation(id: "${link}") }`, roles),
  'Mutation.assignUserToChat': row(
    ({ chat, member }) => `mutation { assignUserToChat(userId: "${member}", chatId: "${chat}") { joinedAt } }`,
    admins,
  ),
  'Mutation.sendMessage': row(
    ({ chat }) => `mutation { sendMessage(chatId: "${chat}", content: "hi") { id } }`,
    writingMembers,
  ),
  'Mutation.editMessage': row(
    (ids) => `mutation { editMessage(${ofMessage(ids, ids.edited)}, content: "edited") { id } }`,
    { ...writingMembers, admin: 'FORBIDDEN' },
  ),
  'Mutation.deleteMessage': row(
    (ids) => `mutation { deleteMessage(${ofMessage(ids, ids.deleted)}) { id } }`,
    writingMembers,
  ),
  'Mutation.deleteMessages': row(
    ({ chat, deleted }) => `mutation { deleteMessages(chatId: "${chat}", messageIds: ["${deleted}"]) { id } }`,
    writingMembers,
  ),
  'Mutation.forgetHistory': row(
    (ids) => `mutation { forgetHistory(${ofMessage(ids, ids.deleted)}) { id } }`,
    writingMembers,
  ),
  'Mutation.pinMessage': row((ids) => `mutation { pinMessage(${ofMessage(ids, ids.edited)}) { id } }`, roles),
  'Mutation.unpinMessage': row((ids) => `mutation { unpinMessage(${ofMessage(ids, ids.deleted)}) { id } }`, roles),
  'Mutation.addReaction': row(
    (ids) => `mutation { addReaction(${ofMessage(ids, ids.first)}, emoji: "👍") { id } }`,
    writingMembers,
  ),
  'Mutation.removeReaction': row(
    (ids) => `mutation { removeReaction(${ofMessage(ids, ids.first)}, emoji: "🎉") { id } }`,
    writingMembers,
  ),
  'Mutation.followThread': row(
    ({ chat, root }) =>
      `mutation { followThread(chatId: "${chat}", messageId: "${root}", follow: true) { replyCount } }`,
    { ...writingMembers, admin: 'FORBIDDEN' },
  ),
  'Mutation.markRead': row(({ chat }) => `mutation { markRead(chatId: "${chat}", seq: 1) { readSeq } }`, {
    ...writingMembers,
    admin: 'FORBIDDEN',
  }),
  'Mutation.markUnread': row(({ chat }) => `mutation { markUnread(chatId: "${chat}", fromSeq: 2) { readSeq } }`, {
    ...writingMembers,
    admin: 'FORBIDDEN',
  }),
  'Mutation.markAllRead': row(({ chat }) => `mutation { markAllRead(chatIds: ["${chat}"]) }`, {
    ...writingMembers,
    admin: 'NOT_FOUND',
  }),
  'Mutation.setChatPreferences': row(
    ({ chat }) => `mutation { setChatPreferences(chatId: "${chat}", notify: all) { notify } }`,
    { ...writingMembers, admin: 'FORBIDDEN' },
  ),
  'Mutation.removeUserFromChat': row(
    ({ chat, stranger }) => `mutation { removeUserFromChat(userId: "${stranger}", chatId: "${chat}") }`,
    roles,
  ),
  // What is done is undone: the rows behind are about the same users.
  'Mutation.muteMember': row(
    ({ chat, member }) => `mutation { muteMember(chatId: "${chat}", userId: "${member}") { mutedUntil }
      unmuteMember(chatId: "${chat}", userId: "${member}") { joinedAt } }`,
    roles,
  ),
  'Mutation.unmuteMember': row(
    ({ chat, member }) => `mutation { unmuteMember(chatId: "${chat}", userId: "${member}") { joinedAt } }`,
    roles,
  ),
  'Mutation.banUser': row(
    ({ chat, stranger }) => `mutation { banUser(chatId: "${chat}", userId: "${stranger}", deleteMessages: all)
      unbanUser(chatId: "${chat}", userId: "${stranger}") }`,
    roles,
  ),
  'Mutation.unbanUser': row(
    ({ chat, stranger }) => `mutation { unbanUser(chatId: "${chat}", userId: "${stranger}") }`,
    roles,
  ),
  'Mutation.setMemberRole': row(
    ({ chat, member }) => `mutation { setMemberRole(chatId: "${chat}", userId: "${member}", role: member) { role } }`,
    roles,
  ),
  'Mutation.createIncomingHook': row(
    ({ chat, robot }) => `mutation { createIncomingHook(chatId: "${chat}", botId: "${robot}") { id } }`,
    roles,
  ),
  // Of an unknown one; tests/hooks/ have others.
  'Mutation.deleteIncomingHook': row(({ robot }) => `mutation { deleteIncomingHook(id: "${robot}") }`, {
    ...all('NOT_FOUND'),
    readOnly: 'FORBIDDEN',
  }),
  'Mutation.createUser': row(
    () => `mutation { createUser(username: "${unique()}", password: "correct horse") { id } }`,
    admins,
  ),
  'Mutation.updateUser': row(
    ({ stranger }) => `mutation { updateUser(id: "${stranger}", lastName: "${unique()}") { id } }`,
    admins,
  ),
  // An application does, by a token of its own: nobody here has one.
  'Mutation.issueToken': row(issueToken('expiresAt'), all('FORBIDDEN')),
  ...rows('IssuedToken', issueToken, {
    accessToken: all('FORBIDDEN'),
    expiresAt: all('FORBIDDEN'),
    'user {id}': all('FORBIDDEN'),
  }),
  'Mutation.upsertUsers': row(() => 'mutation { upsertUsers(users: [{ externalId: "member" }]) { id } }', admins),
  'Mutation.upsertChats': row(() => 'mutation { upsertChats(chats: [{ externalId: "general" }]) { id } }', admins),
  'Mutation.setChatMembers': row(
    ({ chat, member }) => `mutation { setChatMembers(chatId: "${chat}", add: [{ userId: "${member}" }]) { role } }`,
    admins,
  ),
  'Mutation.createBot': row(
    ({ friend }) => `mutation { createBot(username: "${unique()}", ownerId: "${friend}") { id } }`,
    admins,
  ),
  'Mutation.changePassword': row(
    () => 'mutation { changePassword(currentPassword: "not this", newPassword: "correct horse") }',
    wrongInput,
  ),
  'Mutation.reauthenticate': row(
    (_ids, token) => `mutation { reauthenticate(token: "${token}") }`,
    writers,
    wrongInput,
  ),
  'Mutation.createSocketTicket': row(() => 'mutation { createSocketTicket }', writers),
  'Mutation.setTyping': row(({ chat }) => `mutation { setTyping(chatId: "${chat}") }`, writingMembers),
  'Mutation.setPresence': row(() => 'mutation { setPresence(status: automatic) { status } }', writers),

  'Subscription.chatEvents': row(
    ({ chat, epoch }) => `subscription { chatEvents(chatId: "${chat}", after: "${epoch}:0") { seq } }`,
    members,
    notOverHttp,
  ),
  'Subscription.messageSent': row(
    ({ chat }) => `subscription { messageSent(chatId: "${chat}") { id } }`,
    members,
    notOverHttp,
  ),
  'Subscription.chatSignals': signal('TypingSignal', 'thread'),
  'Subscription.presence': row(
    // Oneself everybody is told of.
    ({ everybody }) => `subscription { presence(userIds: ${everybody}) { userId } }`,
    users,
    notOverHttp,
  ),
  'Subscription.inbox': inboxEvent('position'),
  'InboxChatEvent.position': inboxEvent('position'),
  'InboxChatEvent.chatId': inboxEvent('chatId'),
  'InboxChatEvent.event': inboxEvent('position ... on InboxChatEvent { event { seq } }'),
  'InboxState.position': inboxEvent('position'),
  'InboxState.chatId': inboxEvent('chatId'),
  'InboxState.state': inboxEvent('position ... on InboxState { state { readSeq } }'),
  'InboxState.ofThreads': inboxEvent('position ... on InboxState { ofThreads }'),
  'InboxInvitation.position': inboxEvent('position'),
  'InboxInvitation.chatId': inboxEvent('chatId'),
  'InboxInvitation.invitation': inboxEvent('position ... on InboxInvitation { invitation { id } }'),
  'InboxGap.position': inboxEvent('position'),
  'InboxGap.chatId': inboxEvent('chatId'),
  'InboxGap.after': inboxEvent('position ... on InboxGap { after }'),
  'InboxGap.cursor': inboxEvent('position ... on InboxGap { cursor }'),
  // By now everybody has opened a direct chat: the rows run in their order.
  ...rows('InboxPage', (selection) => () => `{ inbox { ${selection} } }`, {
    position: users,
    'items {chat{id}}': users,
    next: all('null'),
  }),
  ...rows('InboxItem', (selection) => () => `{ inbox { items { ${selection} } } }`, {
    'chat {id}': users,
    'state {readSeq}': users,
  }),
  'TypingSignal.user': signal('TypingSignal', 'user { id }'),
  'TypingSignal.thread': signal('TypingSignal', 'thread'),
  'ReceiptSignal.reads': signal('ReceiptSignal', 'reads { seq }'),
  'Receipt.user': signal('ReceiptSignal', 'reads { user { id } }'),
  'Receipt.seq': signal('ReceiptSignal', 'reads { seq }'),
  ...rows(
    'Presence',
    (selection) =>
      ({ member }) =>
        `{ presence(userIds: ["${member}"]) { ${selection} } }`,
    { userId: acquaintances, status: acquaintances, lastActiveAt: acquaintances },
  ),

  ...rows(
    'User',
    (selection) =>
      ({ member }) =>
        `{ user(id: "${member}") { ${selection} } }`,
    {
      id: users,
      username: users,
      firstName: users,
      lastName: users,
      role: users,
      kind: users,
      dateJoined: users,
      externalId: selfAndAdmins,
      email: selfAndAdmins,
      isActive: selfAndAdmins,
    },
  ),
  // An operator has no actor, no application and gave no reason.
  ...rows('AuditEntry', (selection) => () => `{ auditLog(action: "member.role_set") { entries { ${selection} } } }`, {
    ...{ seq: admins, at: admins, action: admins, chatId: admins, target: admins, entry: admins, hash: admins },
    'actor {id}': { ...admins, admin: 'null' },
    clientId: { ...admins, admin: 'null' },
    reason: { ...admins, admin: 'null' },
  }),
  ...rows('AuditPage', (selection) => () => `{ auditLog(first: 1) { ${selection} } }`, {
    'entries {seq}': admins,
    next: admins,
  }),
  ...rows('AuditHead', (selection) => () => `{ auditHead { ${selection} } }`, { seq: admins, hash: admins }),
  // The admin has banned somebody.
  ...rows(
    'Ban',
    (selection) =>
      ({ chat }) =>
        `{ bans(chatId: "${chat}") { ${selection} } }`,
    { 'user {id}': roles, until: roles, 'by {id}': roles, at: roles, reason: roles },
  ),
  ...rows(
    'AccessExplanation',
    (selection) =>
      ({ chat, member }) =>
        `{ explainAccess(chatId: "${chat}", userId: "${member}", action: pin) { ${selection} } }`,
    {
      allowed: members,
      rule: members,
      'chain {check}': members,
      until: { ...members, member: 'null', admin: 'null', readOnly: 'null' },
    },
  ),
  ...rows(
    'AccessStep',
    (selection) =>
      ({ chat, member }) =>
        `{ explainAccess(chatId: "${chat}", userId: "${member}", action: pin) { chain { ${selection} } } }`,
    { check: members, passed: members, detail: members },
  ),
  ...rows(
    'Report',
    (selection) =>
      ({ chat }) =>
        `{ reports(chatId: "${chat}", first: 1) { ${selection} } }`,
    {
      ...{
        id: roles,
        chatId: roles,
        'chat {id}': roles,
        messageId: roles,
        content: roles,
        revision: roles,
        'sender {id}': roles,
      },
      ...{ 'reporter {id}': roles, reason: roles, note: roles, createdAt: roles, state: roles },
      resolution: { ...roles, admin: 'null' },
      'resolvedBy {id}': { ...roles, admin: 'null' },
      resolvedAt: { ...roles, admin: 'null' },
    },
  ),
  ...rows('Invitation', (selection) => () => `{ invitations { ${selection} } }`, {
    id: users,
    'chat {id}': users,
    'inviter {id}': users,
    role: users,
    createdAt: users,
    expiresAt: users,
  }),
  ...rows('InvitedChat', (selection) => () => `{ invitations { chat { ${selection} } } }`, {
    ...{ id: users, name: users, topic: users, memberCount: users, createdAt: users },
  }),
  ...rows(
    'InviteLink',
    (selection) =>
      ({ chat }) =>
        `{ inviteLinks(chatId: "${chat}") { ${selection} } }`,
    {
      ...{ id: roles, role: roles, expiresAt: roles, maxUses: roles, uses: roles, createdAt: roles },
      code: { ...roles, admin: 'null' },
    },
  ),
  // Ends the invitations.
  'Mutation.acceptInvitation': row(({ code }) => `mutation { acceptInvitation(code: "${code}") { role } }`, writers),
  // An operator made one, and by now the admin has made more.
  ...rows('Bot', (selection) => () => `{ bots { ${selection} } }`, {
    id: admins,
    'user {id}': admins,
    'owner {id}': admins,
    createdAt: admins,
  }),
  ...rows(
    'Chat',
    (selection) =>
      ({ chat }) =>
        `{ chat(id: "${chat}") { ${selection} } }`,
    {
      id: membersOrNull,
      name: membersOrNull,
      kind: membersOrNull,
      createdAt: membersOrNull,
      externalId: membersOrNull,
      visibility: membersOrNull,
      topic: membersOrNull,
      memberCount: membersOrNull,
      metadata: { ...membersOrNull, member: 'null', admin: 'null', readOnly: 'null' },
      postingRole: membersOrNull,
      slowSeconds: membersOrNull,
      invites: membersOrNull,
      receipts: membersOrNull,
      retentionDays: { ...membersOrNull, member: 'null', admin: 'null', readOnly: 'null' },
      archivedAt: { ...membersOrNull, member: 'null', admin: 'null', readOnly: 'null' },
      cursor: membersOrNull,
      'members {joinedAt}': membersOrNull,
      'lastMessage {id}': membersOrNull,
      'pins {id}': membersOrNull,
      viewerCan: membersOrNull,
      'viewer {readSeq}': ofMembers,
    },
  ),
  ...rows('PublicChat', (selection) => () => `{ publicChats { ${selection} } }`, {
    id: users,
    name: users,
    topic: users,
    memberCount: users,
    createdAt: users,
  }),
  ...rows(
    'ChatState',
    (selection) =>
      ({ chat }) =>
        `{ chat(id: "${chat}") { viewer { ${selection} } } }`,
    {
      role: ofMembers,
      readSeq: ofMembers,
      'unread {messages}': ofMembers,
      notify: ofMembers,
      hidden: ofMembers,
      mutedUntil: { ...ofMembers, member: 'null', readOnly: 'null' },
    },
  ),
  ...rows(
    'Unread',
    (selection) =>
      ({ chat }) =>
        `{ chat(id: "${chat}") { viewer { unread { ${selection} } } } }`,
    {
      messages: ofMembers,
      capped: ofMembers,
      mentions: ofMembers,
      threads: ofMembers,
      firstSeq: { ...ofMembers, member: 'null', readOnly: 'null' },
    },
  ),
  ...rows(
    'ChatMembership',
    (selection) =>
      ({ chat }) =>
        `{ chat(id: "${chat}") { members { ${selection} } } }`,
    {
      joinedAt: membersOrNull,
      mutedUntil: all('null'),
      role: membersOrNull,
      'user {id}': membersOrNull,
      'chat {id}': membersOrNull,
    },
  ),
  ...rows(
    'Message',
    (selection) =>
      ({ chat }) =>
        `{ messages(chatId: "${chat}", before: 4) { ${selection} } }`,
    {
      id: members,
      content: members,
      createdAt: members,
      seq: members,
      'sender {id}': members,
      'chat {id}': members,
      nonce: { ...sender, stranger: 'NOT_FOUND', former: 'NOT_FOUND' },
      revision: members,
      editedAt: noEvent,
      deletedAt: noEvent,
      metadata: noEvent,
      'mentions {id}': noEvent,
      mentionsAll: members,
      alsoInChat: members,
      'replyTo {id}': noEvent,
      'threadRoot {id}': noEvent,
      'thread {replyCount}': members,
      pinnedAt: noEvent,
      'pinnedBy {id}': noEvent,
      viewerCan: members,
      'reactions {emoji}': members,
      'readBy {id}': noEvent,
      readCount: members,
    },
  ),
  ...rows(
    'Reaction',
    (selection) =>
      ({ chat }) =>
        `{ messages(chatId: "${chat}", before: 4) { reactions { ${selection} } } }`,
    {
      emoji: members,
      count: members,
      mine: members,
      'users {id}': members,
    },
  ),
  'Message.history': row(
    ({ chat, edited }) => `{ message(chatId: "${chat}", id: "${edited}") { history { revision } } }`,
    membersOrNull,
  ),
  ...rows(
    'MessageRevision',
    (selection) =>
      ({ chat, edited }) =>
        `{ message(chatId: "${chat}", id: "${edited}") { history { ${selection} } } }`,
    { revision: membersOrNull, content: membersOrNull, at: membersOrNull, 'editor {id}': membersOrNull },
  ),
  ...rows(
    'Thread',
    (selection) =>
      ({ chat }) =>
        `{ threads(chatId: "${chat}") { ${selection} } }`,
    {
      'root {id}': members,
      replyCount: members,
      'lastReply {id}': members,
      cursor: members,
      'participants {id}': members,
      'viewer {readSeq}': { ...members, admin: 'null' },
    },
  ),
  ...rows(
    'ThreadState',
    (selection) =>
      ({ chat }) =>
        `{ threads(chatId: "${chat}") { viewer { ${selection} } } }`,
    Object.fromEntries(
      ['following', 'readSeq', 'unread', 'unreadCapped', 'mentions'].map((field) => [
        field,
        { ...members, admin: 'null' },
      ]),
    ),
  ),
  ...rows(
    'ChatEventPage',
    (selection) =>
      ({ chat, epoch }) =>
        `{ chatEvents(chatId: "${chat}", after: "${epoch}:0") { ${selection} } }`,
    {
      cursor: members,
      hasMore: members,
      'events {seq}': members,
    },
  ),
  ...rows('MemberAdded', event('MemberAdded'), { ...EVENT_FIELDS, ...NO_ACTOR, 'member {joinedAt}': members }),
  ...rows('MemberUpdated', event('MemberUpdated'), {
    ...EVENT_FIELDS,
    'actor {id}': members,
    'member {role}': members,
  }),
  ...eventsOfMessage('MessageCreated'),
  ...eventsOfMessage('MessageEdited'),
  ...eventsOfMessage('MessageDeleted'),
  ...eventsOfMessage('ReactionsChanged'),
  ...eventsOfMessage('MessagePinned'),
  ...eventsOfMessage('MessageUnpinned'),
  ...rows('ChatUpdated', event('ChatUpdated'), {
    ...EVENT_FIELDS,
    'actor {id}': members,
    'chat {id}': members,
    changed: members,
  }),
  ...rows(
    'ChatDeleted',
    (selection) =>
      ({ ended, endedEpoch }) =>
        `{ chatEvents(chatId: "${ended}", after: "${endedEpoch}:1") { events { ... on ChatDeleted { ${selection} } } } }`,
    { ...EVENT_FIELDS, 'actor {id}': members },
  ),
  ...rows('MemberRemoved', event('MemberRemoved'), {
    ...{ ...EVENT_FIELDS, ...NO_ACTOR, 'user {id}': members, cause: members },
    until: { ...members, member: 'null', admin: 'null', readOnly: 'null' },
  }),
};

interface RawAnswer {
  open: string;
  send: string;
  receive: string;
}

const open = { open: 'ok', send: 'ok', receive: 'message.created' };
const closed = (status: string): RawAnswer => ({ open: status, send: 'closed', receive: 'closed' });

export const RAW_CHANNEL: Record<Caller, RawAnswer> = {
  anonymous: closed('401'),
  expired: closed('401'),
  stranger: closed('404'),
  former: closed('404'),
  member: open,
  admin: open,
  readOnly: { ...open, send: 'FORBIDDEN' },
};

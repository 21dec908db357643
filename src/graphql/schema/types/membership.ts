import type { ChatRole } from '../../../domain/chat-role.js';
import { allowedActions } from '../../../domain/chats/chat-access.js';
import type { Membership } from '../../../domain/chats/memberships.js';
import type { ChatAction } from '../../../domain/chats/rights.js';
import type { Database } from '../../../domain/database.js';
import { PROFILE_FIELDS, toProfile, type UserProfile } from '../../../domain/profile.js';
import { requireAdmin, requireUserIn, requireViewer } from '../../../domain/viewer.js';
import { fieldsOfItem } from '../asked-fields.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { checkPage, listWeight, MAX_PAGE, USUAL_LENGTH } from '../paging.js';
import { SHARED } from '../shared.js';
import { Chat, enterChat } from './chat.js';
import { User } from './user.js';

export const ChatRoleEnum = builder.enumType('ChatRole', {
  description:
    'What a member may do in a chat; each may do what those before may. A user with the role admin may do what an owner may, ' +
    'in every group chat. In a direct chat both are `member`.',
  values: {
    reader: { description: 'Reads messages.' },
    member: { description: 'Writes messages, and edits and deletes its own.' },
    moderator: { description: 'Deletes and pins messages; removes, mutes and bans readers and members.' },
    owner: { description: 'Gives roles and removes moderators.' },
  } as const satisfies Record<ChatRole, object>,
});

interface ChatMember {
  chatId: string;
  role: ChatRole;
  joinedAt: Date | string;
  mutedUntil: Date | string | null;
  user: UserProfile;
}

export const ChatMembership = builder.objectRef<ChatMember>('ChatMembership');

ChatMembership.implement({
  description: 'One user in one chat.',
  authScopes: ({ chatId }, context) => loaders(context).access.reader(chatId),
  fields: (t) => ({
    user: t.expose('user', { type: User, description: 'The member.', extensions: SHARED }),
    chat: t.field({
      type: Chat,
      description: 'The chat.',
      resolve: ({ chatId }, _args, context) => enterChat(context, chatId),
      extensions: SHARED,
    }),
    role: t.expose('role', { type: ChatRoleEnum, description: 'What the member may do.', extensions: SHARED }),
    joinedAt: t.expose('joinedAt', { type: 'DateTime', description: 'When the membership began.', extensions: SHARED }),
    mutedUntil: t.expose('mutedUntil', {
      type: 'DateTime',
      nullable: true,
      description:
        'Until then the member writes nothing that others see; null for who is not muted. A mute without an end has the year 9999.',
      extensions: SHARED,
    }),
  }),
});

builder.prismaObjectField(Chat, 'members', (t) =>
  t.field({
    type: [ChatMembership],
    description:
      'The members, in the order in which their accounts were created. Somebody who joins later may appear on a page that you ' +
      'have read already: `chatEvents` reports every new member.',
    args: {
      first: t.arg.int({ description: `The most members to return, 1 to ${MAX_PAGE}. The default is ${MAX_PAGE}.` }),
      after: t.arg.id({ description: 'The id of the last user of the previous page.' }),
    },
    complexity: ({ first }) => listWeight(first, USUAL_LENGTH.members, MAX_PAGE),
    resolve: ({ id }, args, context, info) =>
      loaders(context).members(id, checkPage(args), context.budget.affordableItemsPlusOne(fieldsOfItem(info))),
  }),
);

export const ChatActionEnum = builder.enumType('ChatAction', {
  description: 'What somebody may do in a chat.',
  values: {
    read: { description: 'Read the chat and its changes.' },
    markRead: { description: 'Move one’s read markers.' },
    report: { description: 'Report messages to the moderators.' },
    leave: { description: 'Leave the chat; a direct chat is hidden instead.' },
    react: { description: 'React to messages, and take one’s own reactions back.' },
    send: { description: 'Send messages to the main timeline.' },
    reply: { description: 'Reply in threads.' },
    upload: { description: 'Upload files for messages.' },
    type: { description: 'Tell the others that one is typing.' },
    invite: { description: 'Invite users. Moderators may, and members where the chat’s `invites` say so.' },
    edit: { description: 'Edit one’s own messages.' },
    delete: { description: 'Delete one’s own messages; moderators and owners delete everybody’s.' },
    pin: { description: 'Pin and unpin messages. In a direct chat both members may.' },
    mentionAll: { description: 'Mention every member. In a chat with many members only owners may.' },
    remove: { description: 'Remove a member whose role is lower.' },
    mute: { description: 'Mute a member whose role is lower.' },
    ban: { description: 'Ban a user, who is no member or whose role is lower.' },
    slowMode: { description: 'Set how often each member may send.' },
    readReports: { description: 'Read the reports of messages, and resolve them.' },
    roles: { description: 'Give roles to members.' },
    rename: { description: 'Give the chat another name.' },
    settings: { description: 'Change the chat’s settings and metadata.' },
    archive: { description: 'Archive the chat, and end that.' },
    deleteChat: { description: 'Delete the chat. Admins only.' },
  } as const satisfies Record<ChatAction, object>,
});

builder.prismaObjectField(Chat, 'viewerCan', (t) =>
  t.field({
    type: [ChatActionEnum],
    description:
      'What the viewer may do in the chat now, with the scopes of their token. A mute, the archive, `postingRole` and slow mode ' +
      'take actions away.',
    complexity: { field: 1, multiplier: 1 },
    resolve: async ({ id }, _args, context) =>
      allowedActions(context.caller.viewer, await loaders(context).standings.load(id)),
  }),
);

builder.mutationFields((t) => ({
  assignUserToChat: t.field({
    type: ChatMembership,
    description:
      'Makes a user a member of a chat. A second call changes nothing. Admins only. Fails with FORBIDDEN for a direct chat (rule ' +
      '`chat.direct`), and with CONFLICT for who is banned from the chat (rule `user.banned`).',
    authScopes: { admin: true },
    args: {
      userId: t.arg.id({ required: true, description: 'The user.' }),
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
    },
    resolve: async (_root, { userId, chatId }, { services, caller, db }) => {
      const actor = requireAdmin(caller.viewer);
      const member = await services.memberships.add(actor, chatId, userId, requireViewer(caller.viewer));
      return withProfile(db, member);
    },
  }),
  removeUserFromChat: t.boolean({
    description:
      'Ends a membership. Returns false if the user was not a member. Moderators and owners remove members whose role is lower ' +
      'than theirs; admins remove anybody. Fails with CONFLICT for the last owner of a chat, and with FORBIDDEN for a direct ' +
      'chat (rule `chat.direct`).',
    authScopes: { user: true },
    args: {
      userId: t.arg.id({ required: true, description: 'The member.' }),
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
    },
    resolve: (_root, { userId, chatId }, { services, caller }) =>
      services.memberships.remove(requireUserIn(caller.viewer, chatId), chatId, userId, requireViewer(caller.viewer)),
  }),
  setMemberRole: t.field({
    type: ChatMembership,
    description:
      'Gives a member another role. Repeating it changes nothing. Owners of the chat and admins only. Fails with CONFLICT if no ' +
      'owner would be left, and with FORBIDDEN for a direct chat (rule `chat.direct`).',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      userId: t.arg.id({ required: true, description: 'The member.' }),
      role: t.arg({ type: ChatRoleEnum, required: true, description: 'The new role.' }),
    },
    resolve: async (_root, { chatId, userId, role }, { services, caller, db }) => {
      const viewer = requireViewer(caller.viewer);
      const member = await services.memberships.setRole(requireUserIn(viewer, chatId), chatId, userId, role, viewer);
      return withProfile(db, member);
    },
  }),
}));

/** The membership with who it is of. */
export async function withProfile(db: Database, member: Membership): Promise<ChatMember> {
  const user = await db.prisma.user.findUniqueOrThrow({ where: { id: member.userId }, select: PROFILE_FIELDS });
  return { ...member, user: toProfile(user) };
}

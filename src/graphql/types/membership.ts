import { PROFILE_FIELDS, toProfile } from '../../domain/users.js';
import { requireAdmin, type UserProfile } from '../../domain/viewer.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { checkPage, listWeight, MAX_PAGE, USUAL_LENGTH } from '../paging.js';
import { Chat, enterChat } from './chat.js';
import { User } from './user.js';

interface ChatMember {
  chatId: string;
  joinedAt: Date | string;
  user: UserProfile;
}

export const ChatMembership = builder.objectRef<ChatMember>('ChatMembership');

ChatMembership.implement({
  authScopes: ({ chatId }, context) => loaders(context).access.reader(chatId),
  fields: (t) => ({
    user: t.expose('user', { type: User }),
    chat: t.field({ type: Chat, resolve: ({ chatId }, _args, context) => enterChat(context, chatId) }),
    joinedAt: t.expose('joinedAt', { type: 'DateTime' }),
  }),
});

builder.prismaObjectField(Chat, 'members', (t) =>
  t.field({
    type: [ChatMembership],
    description: 'In the order in which the users were created.',
    args: {
      first: t.arg.int({ description: `The most members to return, 1 to ${MAX_PAGE}. Without it: ${MAX_PAGE}.` }),
      after: t.arg.id({ description: 'Only members after the user with this id: the last of the page before.' }),
    },
    complexity: ({ first }) => listWeight(first, USUAL_LENGTH.members, MAX_PAGE),
    resolve: ({ id }, args, context) => loaders(context).members(id, checkPage(args)),
  }),
);

builder.mutationFields((t) => ({
  assignUserToChat: t.field({
    type: ChatMembership,
    description: 'Admins only. Repeating it changes nothing.',
    authScopes: { admin: true },
    args: { userId: t.arg.id({ required: true }), chatId: t.arg.id({ required: true }) },
    resolve: async (_root, { userId, chatId }, { services, caller, db }) => {
      const member = await services.memberships.add(requireAdmin(caller.viewer), chatId, userId);
      const user = await db.prisma.user.findUniqueOrThrow({ where: { id: member.userId }, select: PROFILE_FIELDS });
      return { ...member, user: toProfile(user) };
    },
  }),
  removeUserFromChat: t.boolean({
    description: 'Admins only. False when the user was no member, and nothing changed.',
    authScopes: { admin: true },
    args: { userId: t.arg.id({ required: true }), chatId: t.arg.id({ required: true }) },
    resolve: (_root, { userId, chatId }, { services, caller }) =>
      services.memberships.remove(requireAdmin(caller.viewer), chatId, userId),
  }),
}));

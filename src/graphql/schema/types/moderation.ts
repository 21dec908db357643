import type { Ban as BanShape, DeleteSpan } from '../../../domain/chats/bans.js';
import { MAX_REASON_LENGTH } from '../../../domain/chats/mutes.js';
import { requireViewer } from '../../../domain/viewer.js';
import { fieldsOfItem } from '../asked-fields.js';
import { builder } from '../builder.js';
import { checkPage, listWeight, MAX_PAGE, USUAL_LENGTH } from '../paging.js';
import { ChatMembership, withProfile } from './membership.js';
import { User } from './user.js';

const REASON = `For the audit log, 1 to ${MAX_REASON_LENGTH} characters.`;

const Ban = builder.objectRef<BanShape>('Ban').implement({
  description: 'A user who may not be a member of a chat.',
  fields: (t) => ({
    user: t.expose('user', { type: User, description: 'Who is banned.' }),
    until: t.expose('until', { type: 'DateTime', nullable: true, description: 'Null for ever.' }),
    by: t.expose('by', { type: User, nullable: true, description: 'Who banned them; null for an operator.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When they were banned.' }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'The words of who banned them, if there were any.',
    }),
  }),
});

const DeleteSpanEnum = builder.enumType('DeleteSpan', {
  description: 'Which messages of a banned user are deleted.',
  values: {
    none: { description: 'No message.' },
    hour: { description: 'Those of the last hour.' },
    day: { description: 'Those of the last 24 hours.' },
    week: { description: 'Those of the last 7 days.' },
    all: { description: 'All that they ever sent to the chat.' },
  } as const satisfies Record<DeleteSpan, object>,
});

builder.queryFields((t) => ({
  bans: t.field({
    type: [Ban],
    description:
      'The users who are banned from a chat now, in the order of their ids. Moderators and owners of the chat and admins only.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      first: t.arg.int({ description: `The most bans to return, 1 to ${MAX_PAGE}. The default is ${MAX_PAGE}.` }),
      after: t.arg.id({ description: 'The id of the last user of the previous page.' }),
    },
    complexity: ({ first }) => listWeight(first, USUAL_LENGTH.members, MAX_PAGE),
    resolve: (_root, { chatId, ...args }, { services, caller, budget }, info) => {
      const { first, after } = checkPage(args);
      const affordable = Math.min(first, budget.affordableItemsPlusOne(fieldsOfItem(info)));
      return services.bans.list(requireViewer(caller.viewer), chatId, { first: affordable, after });
    },
  }),
}));

builder.mutationFields((t) => ({
  muteMember: t.field({
    type: ChatMembership,
    description:
      'Mutes a member: they read, and write nothing that others see (rule `member.muted`), also after leaving and coming back. A ' +
      'second call with the same time changes nothing. Moderators and owners mute members whose role is lower than theirs, admins ' +
      'everybody but admins. Fails with FORBIDDEN for a direct chat (rule `chat.direct`).',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      userId: t.arg.id({ required: true, description: 'The member.' }),
      until: t.arg({ type: 'DateTime', description: 'When it ends by itself, in the future. Without it, never.' }),
      reason: t.arg.string({ description: REASON }),
    },
    resolve: async (_root, { chatId, userId, until, reason }, { services, caller, db }) =>
      withProfile(db, await services.mutes.mute(requireViewer(caller.viewer), chatId, userId, until ?? null, reason)),
  }),
  unmuteMember: t.field({
    type: ChatMembership,
    description: 'Ends the mute of a member. Who is not muted stays so. Who mutes may.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      userId: t.arg.id({ required: true, description: 'The member.' }),
      reason: t.arg.string({ description: REASON }),
    },
    resolve: async (_root, { chatId, userId, reason }, { services, caller, db }) =>
      withProfile(db, await services.mutes.unmute(requireViewer(caller.viewer), chatId, userId, reason)),
  }),
  banUser: t.boolean({
    description:
      'Bans a user from a chat. A member is removed in the same moment, and nothing that they send is stored after it. Who is banned ' +
      'cannot become a member. A second call replaces the ban. Moderators and owners ban who is no member or has a lower role than ' +
      'theirs, admins everybody else. Fails with CONFLICT for the last owner, and with FORBIDDEN for a direct chat (rule `chat.direct`).',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      userId: t.arg.id({ required: true, description: 'The user.' }),
      until: t.arg({ type: 'DateTime', description: 'When it ends by itself, in the future. Without it, never.' }),
      reason: t.arg.string({
        description: `For the moderators and the audit log, 1 to ${MAX_REASON_LENGTH} characters.`,
      }),
      deleteMessages: t.arg({
        type: DeleteSpanEnum,
        defaultValue: 'none',
        description:
          'Messages of the user that are deleted behind the ban, in steps of a hundred. The call deletes for a second; what is left of ' +
          'many goes on by itself, also after a restart, and whatever becomes of your rights.',
      }),
    },
    resolve: async (_root, { deleteMessages, ...ban }, { services, caller }) => {
      const viewer = requireViewer(caller.viewer);
      const deletes = deleteMessages ?? 'none';
      await services.bans.ban(viewer, { ...ban, deletes });
      if (deletes !== 'none') await services.senderDeletions.begin(ban.chatId, ban.userId);
      return true;
    },
  }),
  unbanUser: t.boolean({
    description: 'Ends a ban. The user is no member by it. Returns false if they were not banned. Who bans may.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      userId: t.arg.id({ required: true, description: 'The user.' }),
    },
    resolve: (_root, { chatId, userId }, { services, caller }) =>
      services.bans.unban(requireViewer(caller.viewer), chatId, userId),
  }),
}));

import {
  INVITATION_DAYS,
  type Invitation as InvitationShape,
  type InvitedChat as InvitedChatShape,
} from '../../../domain/chats/invitations.js';
import {
  type InviteLink as InviteLinkShape,
  MAX_LINK_DAYS,
  MAX_LINK_USES,
} from '../../../domain/chats/invite-links.js';
import { requireViewer } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import { listWeight, USUAL_LENGTH } from '../paging.js';
import { ChatMembership, ChatRoleEnum, withProfile } from './membership.js';
import { User } from './user.js';

const InvitedChat = builder.objectRef<InvitedChatShape>('InvitedChat').implement({
  description: 'A chat that you are invited to, as you see it before you have joined.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the chat.' }),
    name: t.exposeString('name', { description: 'The name of the chat.' }),
    topic: t.exposeString('topic', { description: 'What the chat is about; empty for none.' }),
    memberCount: t.exposeInt('memberCount', { description: 'How many members it has.' }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When the chat was created.',
      resolve: ({ createdAt }) => new Date(createdAt),
    }),
  }),
});

export const Invitation = builder.objectRef<InvitationShape>('Invitation').implement({
  description: 'An invitation of one user to one chat. One that was accepted, declined or revoked has expired.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'For `acceptInvitation`, `declineInvitation` and `revokeInvitation`.' }),
    chat: t.expose('chat', { type: InvitedChat, description: 'The chat that it is to.' }),
    inviter: t.expose('inviter', {
      type: User,
      nullable: true,
      description: 'Who invited. Null when the account is gone.',
    }),
    role: t.expose('role', { type: ChatRoleEnum, description: 'What who accepts becomes.' }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was made.',
      resolve: ({ createdAt }) => new Date(createdAt),
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When it ends, or when it ended.',
      resolve: ({ expiresAt }) => new Date(expiresAt),
    }),
  }),
});

const InviteLink = builder.objectRef<InviteLinkShape>('InviteLink').implement({
  description: 'A code by which people join a chat.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'For `revokeInvitation`. Nobody joins by it.' }),
    code: t.exposeString('code', {
      nullable: true,
      description: 'What people give to `acceptInvitation`. In the answer of `createInviteLink` alone, and null later.',
    }),
    role: t.expose('role', { type: ChatRoleEnum, description: 'What who accepts becomes.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it ends.' }),
    maxUses: t.exposeInt('maxUses', { nullable: true, description: 'How many may join by it. Null: as many as come.' }),
    uses: t.exposeInt('uses', { description: 'How many have joined by it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  }),
});

builder.queryFields((t) => ({
  invitations: t.field({
    type: [Invitation],
    description: 'Your open invitations, newest first. The inbox tells when they change.',
    authScopes: { user: true },
    complexity: listWeight(undefined, USUAL_LENGTH.invitations, USUAL_LENGTH.invitations),
    resolve: (_root, _args, { services, caller }) => services.invitations.list(caller.viewer),
  }),
  inviteLinks: t.field({
    type: [InviteLink],
    description:
      'The links of a chat that are open, without their codes: all for moderators, otherwise those that you made. Takes the right `invite`.',
    authScopes: { user: true },
    args: { chatId: t.arg.id({ required: true, description: 'The chat.' }) },
    complexity: listWeight(undefined, USUAL_LENGTH.invitations, USUAL_LENGTH.invitations),
    resolve: (_root, { chatId }, { services, caller }) =>
      services.inviteLinks.list(requireViewer(caller.viewer), chatId),
  }),
}));

builder.mutationFields((t) => ({
  inviteToChat: t.field({
    type: Invitation,
    description:
      `Invites a user to a chat for ${INVITATION_DAYS} days, as a member. An open invitation is returned again. Takes the right \`invite\`. Fails ` +
      'with CONFLICT for who is a member.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      userId: t.arg.id({ required: true, description: 'The user.' }),
    },
    resolve: (_root, { chatId, userId }, { services, caller }) =>
      services.invitations.invite(requireViewer(caller.viewer), chatId, userId),
  }),
  createInviteLink: t.field({
    type: InviteLink,
    description:
      'Makes a link by whose code people join a chat, as long as you have the right `invite` and may give its role.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      role: t.arg({
        type: ChatRoleEnum,
        defaultValue: 'member',
        description: 'What who accepts becomes: `member` at most, but by owners and admins.',
      }),
      expiresAt: t.arg({
        type: 'DateTime',
        description: `Within the next ${MAX_LINK_DAYS} days. The default is in ${INVITATION_DAYS} days.`,
      }),
      maxUses: t.arg.int({
        description: `How many may join by it, 1 to ${MAX_LINK_USES}. The default is as many as come.`,
      }),
    },
    resolve: (_root, link, { services, caller }) => services.inviteLinks.create(requireViewer(caller.viewer), link),
  }),
  acceptInvitation: t.field({
    type: ChatMembership,
    description:
      'Makes you a member of the chat, by the id of an invitation to you or by the code of a link. Who is a member already stays one, and ' +
      'uses nothing up. Fails with NOT_FOUND for what has ended or is used up, and with RATE_LIMITED after 20 codes in a minute that do not exist.',
    authScopes: { user: true },
    args: {
      id: t.arg.id({ description: 'Of an invitation.' }),
      code: t.arg.string({ description: 'Of a link. Give one of both.' }),
    },
    resolve: async (_root, { id, code }, { services, caller, network, db }) =>
      withProfile(db, await services.invitations.accept(requireViewer(caller.viewer), { id, code, network })),
  }),
  declineInvitation: t.field({
    type: 'Boolean',
    description: 'Ends an invitation to you. False when it had ended already.',
    authScopes: { user: true },
    args: { id: t.arg.id({ required: true, description: 'The invitation.' }) },
    resolve: (_root, { id }, { services, caller }) => services.invitations.decline(requireViewer(caller.viewer), id),
  }),
  revokeInvitation: t.field({
    type: 'Boolean',
    description: 'Ends an invitation or a link. Who made it may, and moderators. False when it had ended already.',
    authScopes: { user: true },
    args: { id: t.arg.id({ required: true, description: 'Of an invitation or a link.' }) },
    resolve: (_root, { id }, { services, caller }) => services.invitations.revoke(requireViewer(caller.viewer), id),
  }),
}));

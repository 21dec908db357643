import { MAX_RETENTION_DAYS, MAX_SLOW_SECONDS } from '../../../domain/chats/setting-values.js';
import type { InvitePolicy } from '../../../domain/invite-policy.js';
import { requireViewer } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { SHARED } from '../shared.js';
import { CHAT_METADATA, CHAT_NAME, Chat, chatOfHead, EXTERNAL_ID, TOPIC } from './chat.js';
import { ChatRoleEnum } from './membership.js';
import { VisibilityEnum } from './visibility.js';

const InvitePolicyEnum = builder.enumType('InvitePolicy', {
  description: 'Who may invite to a chat.',
  values: {
    moderators: { description: 'Moderators and owners.' },
    members: { description: 'Members, moderators and owners.' },
  } as const satisfies Record<InvitePolicy, object>,
});

builder.prismaObjectFields(Chat, (t) => ({
  visibility: t.expose('visibility', { type: VisibilityEnum, description: 'Who finds the chat.', extensions: SHARED }),
  topic: t.exposeString('topic', { description: 'What the chat is about; empty for none.', extensions: SHARED }),
  memberCount: t.exposeInt('memberCount', { description: 'How many members it has.', extensions: SHARED }),
  metadata: t.expose('metadata', {
    type: 'JSON',
    nullable: true,
    description: 'A JSON object of the clients’, if they gave one.',
    extensions: SHARED,
  }),
  postingRole: t.expose('postingRole', {
    type: ChatRoleEnum,
    description: 'The lowest role that sends messages.',
    extensions: SHARED,
  }),
  slowSeconds: t.exposeInt('slowSeconds', {
    description: 'The fewest seconds between two messages of a member; 0 for none. Moderators are free of it.',
    extensions: SHARED,
  }),
  invites: t.expose('invites', {
    type: InvitePolicyEnum,
    description: 'Who may invite to the chat.',
    extensions: SHARED,
  }),
  receipts: t.exposeBoolean('receipts', {
    description: 'Whether members see who has read what (`Message.readBy`).',
    extensions: SHARED,
  }),
  retentionDays: t.exposeInt('retentionDays', {
    nullable: true,
    description: 'For how long messages are kept; null for the default of the service.',
    extensions: SHARED,
  }),
  archivedAt: t.expose('archivedAt', {
    type: 'DateTime',
    nullable: true,
    description: 'An archived chat can be read, and not changed.',
    extensions: SHARED,
  }),
}));

builder.mutationFields((t) => ({
  updateChat: t.field({
    type: Chat,
    description:
      'Changes settings of a chat: all that are given, as one event, or none. Repeating it changes nothing. Owners of the chat and ' +
      'admins only; moderators set `slowSeconds`. Fails with CONFLICT if another chat has the name or the external id, and with ' +
      'FORBIDDEN for a direct chat (rule `chat.direct`) and for an archived one (rule `chat.archived`).',
    authScopes: { user: true },
    extensions: { chatArgument: 'id' },
    args: {
      id: t.arg.id({ required: true, description: 'The chat.' }),
      name: t.arg.string({ description: `${CHAT_NAME} The former name is free at once; streams of the chat go on.` }),
      topic: t.arg.string({ description: TOPIC }),
      visibility: t.arg({ type: VisibilityEnum, description: 'Who finds the chat.' }),
      postingRole: t.arg({ type: ChatRoleEnum, description: 'The lowest role that sends messages.' }),
      slowSeconds: t.arg.int({ description: `0 to ${MAX_SLOW_SECONDS}; 0 for none.` }),
      invites: t.arg({ type: InvitePolicyEnum, description: 'Who may invite to the chat.' }),
      receipts: t.arg.boolean({ description: 'Whether members see who has read what.' }),
      retentionDays: t.arg.int({ description: `1 to ${MAX_RETENTION_DAYS}; null for the default of the service.` }),
      metadata: t.arg({ type: 'JSON', description: `${CHAT_METADATA} Null takes it away.` }),
      externalId: t.arg.string({ description: `${EXTERNAL_ID} Null takes it away.` }),
    },
    resolve: async (_root, { id, ...settings }, context) => {
      const viewer = requireViewer(context.caller.viewer);
      const head = await context.services.chatChanges.update(viewer, id, settings);
      return chatOfHead(loaders(context).access.grant(head));
    },
  }),
  archiveChat: t.field({
    type: Chat,
    description:
      'Archives a chat, or takes it out of the archive. An archived chat can be read and left, and nothing else. Repeating it changes ' +
      'nothing. Owners of the chat and admins only. Fails with FORBIDDEN for a direct chat (rule `chat.direct`).',
    authScopes: { user: true },
    extensions: { chatArgument: 'id' },
    args: {
      id: t.arg.id({ required: true, description: 'The chat.' }),
      archived: t.arg.boolean({
        required: true,
        description: 'True to archive it, false to take it out of the archive.',
      }),
    },
    resolve: async (_root, { id, archived }, context) => {
      const viewer = requireViewer(context.caller.viewer);
      const head = await context.services.chatChanges.update(viewer, id, { archived });
      return chatOfHead(loaders(context).access.grant(head));
    },
  }),
  deleteChat: t.boolean({
    description:
      'Ends a chat. Every stream of it gets `ChatDeleted` and ends; then nobody reads it any more, and its name is free. Who resumes a ' +
      'stream within 30 days gets the rest and `ChatDeleted`. Admins only. Fails with FORBIDDEN for a direct chat (rule `chat.direct`).',
    authScopes: { user: true },
    extensions: { chatArgument: 'id' },
    args: { id: t.arg.id({ required: true, description: 'The chat.' }) },
    resolve: async (_root, { id }, { services, caller }) => {
      await services.chatChanges.delete(requireViewer(caller.viewer), id);
      return true;
    },
  }),
}));

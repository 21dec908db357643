import type { PublicChat as PublicChatShape } from '../../../domain/chats/public-chats.js';
import { requireViewer } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { checkPage, listWeight, MAX_PAGE, USUAL_LENGTH } from '../paging.js';
import { ChatMembership } from './membership.js';

const PublicChat = builder.objectRef<PublicChatShape>('PublicChat').implement({
  description: 'What everybody who is signed in may know of a public chat. Everything else is for its members.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'For `joinChat`.' }),
    name: t.exposeString('name', { description: 'The name of the chat.' }),
    topic: t.exposeString('topic', { description: 'What the chat is about; empty for none.' }),
    memberCount: t.exposeInt('memberCount', { description: 'How many members it has.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the chat was created.' }),
  }),
});

builder.queryField('publicChats', (t) =>
  t.field({
    type: [PublicChat],
    description: 'The public chats that you may join, or have joined, in the order of their names.',
    authScopes: { user: true },
    args: {
      query: t.arg.string({ description: 'Only chats whose name begins like this, in any case.' }),
      first: t.arg.int({ description: `The most chats to return, 1 to ${MAX_PAGE}. The default is ${MAX_PAGE}.` }),
      after: t.arg.id({ description: 'The id of the last chat of the previous page.' }),
    },
    complexity: ({ first }) => listWeight(first, USUAL_LENGTH.chats, MAX_PAGE),
    resolve: (_root, { query, ...page }, { services, caller }) =>
      services.publicChats.list(caller.viewer, { query, ...checkPage(page) }),
  }),
);

builder.mutationFields((t) => ({
  joinChat: t.field({
    type: ChatMembership,
    description:
      'Makes you a member of a public chat. A second call changes nothing. Who comes back has the former role, but at most `member`, ' +
      'and is still muted if they were. Fails with FORBIDDEN for an archived chat (rule `chat.archived`), and with NOT_FOUND for a ' +
      'private one, and if you are banned.',
    authScopes: { user: true },
    extensions: { chatArgument: 'id' },
    args: { id: t.arg.id({ required: true, description: 'The chat.' }) },
    resolve: async (_root, { id }, context) => {
      const member = await context.services.ownMembership.join(requireViewer(context.caller.viewer), id);
      loaders(context).access.wroteTo(member.chatId);
      return member;
    },
  }),
  leaveChat: t.boolean({
    description:
      'Ends your membership. A direct chat is hidden from your inbox instead, until its next message. Always true. Fails with CONFLICT ' +
      'for the last owner of a chat (rule `chat.last_owner`).',
    authScopes: { user: true },
    extensions: { chatArgument: 'id' },
    args: { id: t.arg.id({ required: true, description: 'The chat.' }) },
    resolve: async (_root, { id }, { services, caller }) => {
      await services.ownMembership.leave(requireViewer(caller.viewer), id);
      return true;
    },
  }),
}));

import { type IncomingHook as IncomingHookShape, MAX_HOOKS } from '../../../domain/messages/incoming-hooks.js';
import { requireViewer } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { listWeight, USUAL_LENGTH } from '../paging.js';
import { Chat, enterChat } from './chat.js';
import { User } from './user.js';

/** `url` only in the answer that made it. */
type Shape = IncomingHookShape & { url?: string };

export const IncomingHook = builder.objectRef<Shape>('IncomingHook').implement({
  description:
    'An address at which other programs post messages of a bot to a chat. Whoever knows the address may post.',
  authScopes: ({ chatId }, context) => loaders(context).access.reader(chatId),
  fields: (t) => ({
    id: t.exposeID('id', { description: 'For `deleteIncomingHook`. It is no secret.' }),
    chat: t.field({
      type: Chat,
      description: 'The chat to which it posts.',
      resolve: ({ chatId }, _args, context) => enterChat(context, chatId),
    }),
    bot: t.field({
      type: User,
      description: 'Who sends the messages.',
      resolve: async ({ botId }, _args, context) => {
        const profile = await loaders(context).profiles.load(botId);
        if (!profile) throw new Error('The bot of a hook is no user.');
        return profile;
      },
    }),
    url: t.string({
      nullable: true,
      description: 'The address, in the answer that made the hook. Null later: it cannot be read again.',
      resolve: ({ url }) => url ?? null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    lastUsedAt: t.expose('lastUsedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When somebody posted last, to a minute. Null before the first time.',
    }),
  }),
});

builder.queryField('incomingHooks', (t) =>
  t.field({
    type: [IncomingHook],
    description:
      'The incoming hooks of a chat, in the order in which they were made. Owners of the chat and admins only.',
    authScopes: { user: true },
    args: { chatId: t.arg.id({ required: true, description: 'The chat.' }) },
    complexity: () => listWeight(undefined, USUAL_LENGTH.hooks, MAX_HOOKS),
    resolve: (_root, { chatId }, { services, caller }) =>
      services.incomingHooks.list(requireViewer(caller.viewer), chatId),
  }),
);

builder.mutationFields((t) => ({
  createIncomingHook: t.field({
    type: IncomingHook,
    description:
      `Makes an incoming hook; a chat has at most ${MAX_HOOKS}. Its \`url\` is in this answer alone. Owners of the chat and admins only, ` +
      'and only admins for a bot that is one. Fails with FORBIDDEN for a direct chat (rule `chat.direct`).',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      botId: t.arg.id({ required: true, description: 'A bot that is a member of the chat.' }),
    },
    resolve: async (_root, { chatId, botId }, { services, caller, origin = '' }) => {
      const { hook, token } = await services.incomingHooks.create(requireViewer(caller.viewer), chatId, botId);
      return { ...hook, url: `${origin}/hooks/${token}/` };
    },
  }),
  deleteIncomingHook: t.boolean({
    description:
      'Deletes an incoming hook: nobody posts by it any more. Owners of the chat and admins only. Always true.',
    authScopes: { user: true },
    args: { id: t.arg.id({ required: true, description: 'The hook.' }) },
    resolve: async (_root, { id }, { services, caller }) => {
      await services.incomingHooks.delete(requireViewer(caller.viewer), id);
      return true;
    },
  }),
}));

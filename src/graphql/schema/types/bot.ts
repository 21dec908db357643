import { type Bot as BotShape, MAX_OWN_BOTS } from '../../../domain/people/bots.js';
import type { UserProfile } from '../../../domain/profile.js';
import { requireViewer } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import type { GraphqlContext } from '../context.js';
import { loaders } from '../loaders.js';
import { checkPage, listWeight, MAX_PAGE, USUAL_LENGTH } from '../paging.js';
import { User } from './user.js';

export const Bot = builder.objectRef<BotShape>('Bot').implement({
  description: 'A program that is a user. The rules of users hold for it.',
  authScopes: { user: true },
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of its user.' }),
    user: t.field({
      type: User,
      description: 'The user that it is in chats.',
      resolve: ({ id }, _args, context) => profileOf(id, context),
    }),
    owner: t.field({
      type: User,
      nullable: true,
      description: 'Whom it belongs to. Null for a bot that an operator made.',
      resolve: ({ ownerId }, _args, context) => (ownerId === null ? null : profileOf(ownerId, context)),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
  }),
});

async function profileOf(id: string, context: GraphqlContext): Promise<UserProfile> {
  const profile = await loaders(context).profiles.load(id);
  if (!profile) throw new Error('A bot, or its owner, is no user.');
  return profile;
}

builder.queryField('bots', (t) =>
  t.field({
    type: [Bot],
    description:
      'Every bot, in the order of their creation. Admins only. Where everybody makes bots (`BOT_CREATION`), others are told of their own.',
    authScopes: { user: true },
    args: {
      first: t.arg.int({ description: `The most bots to return, 1 to ${MAX_PAGE}. The default is ${MAX_PAGE}.` }),
      after: t.arg.id({ description: 'The id of the last bot of the previous page.' }),
    },
    complexity: ({ first }) => listWeight(first, USUAL_LENGTH.bots, MAX_PAGE),
    resolve: (_root, args, { services, caller }) => services.bots.listFor(caller.viewer, checkPage(args)),
  }),
);

builder.mutationField('createBot', (t) =>
  t.field({
    type: Bot,
    description:
      'Creates a bot, which has no password: an operator registers an application with it, which gets its tokens. Fails with ' +
      'CONFLICT if the username is taken. Admins only. Where everybody makes bots (`BOT_CREATION`), people make up to ' +
      `${MAX_OWN_BOTS} for themselves.`,
    authScopes: { user: true },
    args: {
      username: t.arg.string({ required: true, description: 'As of `createUser`.' }),
      ownerId: t.arg.id({ required: true, description: 'The user whom it belongs to: a person who is active.' }),
    },
    resolve: (_root, { username, ownerId }, { services, caller }) =>
      services.bots.create(requireViewer(caller.viewer), username, ownerId),
  }),
);

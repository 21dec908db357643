import { isUuid } from '../../domain/text.js';
import { PROFILE_FIELDS, toProfile } from '../../domain/users.js';
import { isAdmin, requireUser, type UserProfile, type UserRole } from '../../domain/viewer.js';
import { builder } from '../builder.js';
import type { GraphqlContext } from '../context.js';
import { loaders } from '../loaders.js';
import { checkPage, listWeight, MAX_PAGE, USUAL_LENGTH } from '../paging.js';

const UserRoleEnum = builder.enumType('UserRole', {
  description: 'An admin reads and writes every chat and manages users, chats and memberships.',
  values: ['admin', 'user'] as const satisfies readonly UserRole[],
});

/** Resolves from what every member of a chat may know of a user, wherever that comes from; the rest is read when asked for. */
export const User = builder.objectRef<UserProfile>('User');

User.implement({
  authScopes: { user: true },
  // The guard goes by the caller alone.
  extensions: { guardedBy: () => null },
  fields: (t) => ({
    id: t.exposeID('id'),
    username: t.exposeString('username'),
    email: t.string({
      nullable: true,
      description: 'For the user and for admins; null for everybody else.',
      resolve: async (user, _args, context) => (await privateFields(user, context))?.email ?? null,
    }),
    firstName: t.exposeString('firstName'),
    lastName: t.exposeString('lastName'),
    role: t.expose('role', { type: UserRoleEnum }),
    isActive: t.boolean({
      nullable: true,
      description: 'For the user and for admins; null for everybody else. Who is not active cannot sign in.',
      resolve: async (user, _args, context) => (await privateFields(user, context))?.isActive ?? null,
    }),
    dateJoined: t.expose('dateJoined', { type: 'DateTime' }),
  }),
});

function privateFields(user: UserProfile, context: GraphqlContext) {
  const { viewer } = context.caller;
  const mayRead = isAdmin(viewer) || viewer?.user?.id === user.id;
  return mayRead ? loaders(context).privateFields.load(user.id) : null;
}

builder.queryFields((t) => ({
  users: t.field({
    type: [User],
    description: 'Every user, in the order in which they were created. Admins only.',
    authScopes: { admin: true },
    args: {
      first: t.arg.int({ description: `The most users to return, 1 to ${MAX_PAGE}. Without it: ${MAX_PAGE}.` }),
      after: t.arg.id({ description: 'Only users after the one with this id: the last of the page before.' }),
    },
    complexity: ({ first }) => listWeight(first, USUAL_LENGTH.users, MAX_PAGE),
    resolve: async (_root, args, { db }) => {
      const { first, after } = checkPage(args);
      const rows = await db.prisma.user.findMany({
        where: after === undefined ? {} : { id: { gt: after } },
        orderBy: { id: 'asc' },
        take: first,
        select: PROFILE_FIELDS,
      });
      return rows.map(toProfile);
    },
  }),
  me: t.field({
    type: User,
    description: 'Whose access token this is.',
    authScopes: { user: true },
    resolve: (_root, _args, { caller }) => requireUser(caller.viewer),
  }),
  user: t.field({
    type: User,
    description: 'Null when there is none.',
    nullable: true,
    authScopes: { user: true },
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }, context) => (isUuid(id) ? loaders(context).profiles.load(id.toLowerCase()) : null),
  }),
}));

builder.mutationFields((t) => ({
  createUser: t.field({
    type: User,
    description: 'Admins only. Answers CONFLICT when the username is taken.',
    authScopes: { admin: true },
    // A slow hash is made.
    complexity: 1000,
    args: {
      username: t.arg.string({ required: true, description: '1 to 150 letters, digits and `@ . + - _`.' }),
      password: t.arg.string({ required: true, description: '8 to 256 characters.' }),
      email: t.arg.string(),
      firstName: t.arg.string({ description: 'At most 150 characters.' }),
      lastName: t.arg.string({ description: 'At most 150 characters.' }),
      role: t.arg({ type: UserRoleEnum, defaultValue: 'user' }),
    },
    resolve: async (_root, args, { services }) => toProfile(await services.users.create(args)),
  }),
  updateUser: t.field({
    type: User,
    description: 'Changes what is given. Admins only. Who is deactivated is signed out everywhere.',
    authScopes: { admin: true },
    args: {
      id: t.arg.id({ required: true }),
      email: t.arg.string({ description: 'Null or empty: none.' }),
      firstName: t.arg.string(),
      lastName: t.arg.string(),
      role: t.arg({ type: UserRoleEnum }),
      isActive: t.arg.boolean(),
    },
    resolve: async (_root, { id, ...changes }, { services }) => toProfile(await services.users.update(id, changes)),
  }),
}));

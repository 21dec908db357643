import { createdSeqOf } from '../../../domain/created-seq.js';
import { badInput } from '../../../domain/errors.js';
import { isExternalId } from '../../../domain/external-id.js';
import { PROFILE_FIELDS, toProfile, type UserKind, type UserProfile, type UserRole } from '../../../domain/profile.js';
import { isUuid } from '../../../domain/text.js';
import { isAdmin, requireViewer, userOf } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import type { GraphqlContext } from '../context.js';
import { loaders } from '../loaders.js';
import { checkPage, listWeight, MAX_PAGE, USUAL_LENGTH } from '../paging.js';
import { SHARED } from '../shared.js';

export const UserRoleEnum = builder.enumType('UserRole', {
  description: 'An admin reads and writes every group chat, and manages users, chats and memberships.',
  values: {
    admin: { description: 'Manages the service.' },
    user: { description: 'Does what their roles in chats allow.' },
  } as const satisfies Record<UserRole, object>,
});

const UserKindEnum = builder.enumType('UserKind', {
  description: 'Who uses an account.',
  values: {
    human: { description: 'A person.' },
    bot: { description: 'A program. It signs in with the secret of its application, and is in no presence.' },
    guest: { description: 'A person without an account of their own, for whom an application makes tokens.' },
  } as const satisfies Record<UserKind, object>,
});

const EXTERNAL_ID = 'The user’s id in your product: 1 to 200 characters, no control characters. Unique.';

/** Its source is the public profile, from whatever query. The private fields are read when they are selected. */
export const User = builder.objectRef<UserProfile>('User');

User.implement({
  description: 'Somebody who can sign in.',
  authScopes: { user: true },
  // `authScopes` depends on the caller alone.
  extensions: { guardedBy: () => null },
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Stays the same when the user is renamed.', extensions: SHARED }),
    username: t.exposeString('username', { description: 'Unique. What the user signs in with.', extensions: SHARED }),
    email: t.string({
      nullable: true,
      description: 'Only the user and admins see it; it is null for everybody else.',
      resolve: async (user, _args, context) => (await privateFields(user, context))?.email ?? null,
    }),
    firstName: t.exposeString('firstName', { description: 'Empty for none.', extensions: SHARED }),
    lastName: t.exposeString('lastName', { description: 'Empty for none.', extensions: SHARED }),
    role: t.expose('role', {
      type: UserRoleEnum,
      description: 'What the user may do in the whole service.',
      extensions: SHARED,
    }),
    kind: t.expose('kind', {
      type: UserKindEnum,
      description: 'Whether it is a person or a program.',
      extensions: SHARED,
    }),
    isActive: t.boolean({
      nullable: true,
      description: 'Whether the user can sign in. Only the user and admins see it; it is null for everybody else.',
      resolve: async (user, _args, context) => (await privateFields(user, context))?.isActive ?? null,
    }),
    externalId: t.string({
      nullable: true,
      description:
        'The user’s id in the product that this service is part of, if it has one. Only the user and admins see it; it is null for ' +
        'everybody else.',
      resolve: async (user, _args, context) => (await privateFields(user, context))?.externalId ?? null,
    }),
    dateJoined: t.expose('dateJoined', {
      type: 'DateTime',
      description: 'When the user was created.',
      extensions: SHARED,
    }),
  }),
});

function privateFields(user: UserProfile, context: GraphqlContext) {
  const { viewer } = context.caller;
  const mayRead = isAdmin(viewer) || viewer?.user?.id === user.id;
  return mayRead ? loaders(context).privateFields.load(user.id) : null;
}

async function userByExternalId(externalId: string, { db, caller }: GraphqlContext): Promise<UserProfile | null> {
  if (!isExternalId(externalId)) return null;
  const row = await db.prisma.user.findUnique({ where: { externalId }, select: PROFILE_FIELDS });
  const mayRead = isAdmin(caller.viewer) || caller.viewer?.user?.id === row?.id;
  return row && mayRead ? toProfile(row) : null;
}

builder.queryFields((t) => ({
  users: t.field({
    type: [User],
    description: 'Every user, in the order of their creation. Admins only.',
    authScopes: { admin: true },
    args: {
      first: t.arg.int({ description: `The most users to return, 1 to ${MAX_PAGE}. The default is ${MAX_PAGE}.` }),
      after: t.arg.id({ description: 'The id of the last user of the previous page.' }),
    },
    complexity: ({ first }) => listWeight(first, USUAL_LENGTH.users, MAX_PAGE),
    resolve: async (_root, args, { db }) => {
      const { first, after } = checkPage(args);
      const rows = await db.prisma.user.findMany({
        where: { createdSeq: { gt: await createdSeqOf(db, 'users', after) } },
        orderBy: { createdSeq: 'asc' },
        take: first,
        select: PROFILE_FIELDS,
      });
      return rows.map(toProfile);
    },
  }),
  me: t.field({
    type: User,
    description: 'The user whose access token this is.',
    authScopes: { user: true },
    resolve: (_root, _args, { caller }) => userOf(caller.viewer),
  }),
  user: t.field({
    type: User,
    description:
      'A user, by id or by external id: give one of them. Null if there is none. Others’ external ids are found by admins only. A token ' +
      'that is narrowed to chats finds the people in them alone.',
    nullable: true,
    authScopes: { user: true },
    args: {
      id: t.arg.id({ description: 'The user’s id here.' }),
      externalId: t.arg.string({ description: 'The user’s id in your product.' }),
    },
    resolve: (_root, { id, externalId }, context) => {
      if ((id == null) === (externalId == null)) throw badInput('id', 'Give one of id and externalId.');
      if (externalId != null) return userByExternalId(externalId, context);
      return id != null && isUuid(id) ? loaders(context).profilesInReach.load(id.toLowerCase()) : null;
    },
  }),
}));

builder.mutationFields((t) => ({
  createUser: t.field({
    type: User,
    description: 'Creates a user. Fails with CONFLICT if the username or the external id is taken. Admins only.',
    authScopes: { admin: true },
    // It computes a slow password hash.
    complexity: 1000,
    args: {
      username: t.arg.string({
        required: true,
        description:
          '1 to 150 letters, digits and `@ . + - _`, of one script. Unique regardless of case and composition.',
      }),
      password: t.arg.string({ required: true, description: '8 to 256 characters.' }),
      email: t.arg.string({ description: 'An e-mail address of at most 254 characters. Nothing is sent to it.' }),
      firstName: t.arg.string({ description: 'At most 150 characters.' }),
      lastName: t.arg.string({ description: 'At most 150 characters.' }),
      role: t.arg({
        type: UserRoleEnum,
        defaultValue: 'user',
        description: 'What the user may do in the whole service.',
      }),
      externalId: t.arg.string({ description: EXTERNAL_ID }),
    },
    resolve: async (_root, args, { services, caller }) =>
      toProfile(await services.users.create(args, requireViewer(caller.viewer))),
  }),
  updateUser: t.field({
    type: User,
    description:
      'Changes the fields that are given. Deactivating a user ends all of their sign-ins. Fails with CONFLICT if no active admin ' +
      'would be left, or if another user has the username or the external id. Admins only, but for the owner of a bot, who changes ' +
      'its names and whether it is active.',
    authScopes: { user: true },
    args: {
      id: t.arg.id({ required: true, description: 'The user.' }),
      email: t.arg.string({ description: 'Null or an empty string removes it.' }),
      firstName: t.arg.string({ description: 'At most 150 characters.' }),
      lastName: t.arg.string({ description: 'At most 150 characters.' }),
      role: t.arg({ type: UserRoleEnum, description: 'What the user may do in the whole service.' }),
      isActive: t.arg.boolean({ description: 'Whether the user can sign in.' }),
      externalId: t.arg.string({ description: `${EXTERNAL_ID} Null removes it.` }),
      username: t.arg.string({ description: 'As of `createUser`.' }),
    },
    resolve: async (_root, { id, ...changes }, { services, caller }) =>
      toProfile(await services.users.update(id, changes, requireViewer(caller.viewer))),
  }),
}));

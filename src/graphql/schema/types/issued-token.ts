import {
  type IssuedToken as IssuedTokenShape,
  MAX_NARROWED_CHATS,
  MAX_TOKEN_SECONDS,
  MIN_TOKEN_SECONDS,
} from '../../../domain/access/impersonation.js';
import { requireViewer } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import { User } from './user.js';

const ProfileInput = builder.inputType('ProfileInput', {
  description: 'What your product knows of the user of a token. What is not given stays as it is.',
  fields: (t) => ({
    externalId: t.string({ description: 'If given, that of the user.' }),
    username: t.string({
      description: 'As of `UserInput`; a new guest without one is called `guest-` and eight letters and digits.',
    }),
    email: t.string({ description: 'Null or an empty string removes it.' }),
    firstName: t.string({ description: 'At most 150 characters.' }),
    lastName: t.string({ description: 'At most 150 characters.' }),
  }),
});

const TokenUser = builder.inputType('TokenUser', {
  description: 'Whom a token is for, by one of `id`, `externalId` and `username`.',
  fields: (t) => ({
    id: t.id({ description: 'The user’s id here.' }),
    externalId: t.string({ description: 'The user’s id in your product.' }),
    username: t.string({ description: 'The user’s name.' }),
    profile: t.field({
      type: ProfileInput,
      description:
        'Changes the user accordingly, as `upsertUsers` does. By an external id that nobody has, it creates the user.',
    }),
    guest: t.boolean({
      defaultValue: false,
      description:
        'The user is a guest, created if nobody has the external id. Guests open no direct chats, and who they were is forgotten ' +
        '30 days after their last token. A profile without `guest` makes a person of one.',
    }),
  }),
});

const IssuedToken = builder.objectRef<IssuedTokenShape>('IssuedToken').implement({
  description: 'An access token of a user. Nothing refreshes it: ask for the next one.',
  fields: (t) => ({
    accessToken: t.exposeString('accessToken', {
      description: 'Goes into `Authorization: Bearer …`. It cannot be read again.',
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the token ends.' }),
    user: t.expose('user', { type: User, description: 'Whom it is for, as they are after the call.' }),
  }),
});

builder.mutationField('issueToken', (t) =>
  t.field({
    type: IssuedToken,
    description:
      'Signs a user in for an application with the grant `issue_token`, which asks by its own `client_credentials` token. Bots get no ' +
      'token; admins only from an application whose bot is an admin, with `scopes` and without `chats`.',
    authScopes: { user: true },
    complexity: 20,
    args: {
      user: t.arg({ type: TokenUser, required: true, description: 'Whom the token is for.' }),
      scopes: t.arg.stringList({
        description: 'Of `read` and `write`. Default: both, as far as the application has them.',
      }),
      chats: t.arg.idList({
        description:
          `Narrows the token to these chats, at most ${MAX_NARROWED_CHATS}: no other chat is there for it, and it has the rights of a ` +
          'member at most. The user may become a member later.',
      }),
      expiresIn: t.arg.int({
        defaultValue: 3600,
        description: `The lifetime in seconds, ${MIN_TOKEN_SECONDS} to ${MAX_TOKEN_SECONDS}.`,
      }),
      client: t.arg.string({
        description:
          'The `client_id` of the application that the token belongs to: a public one, or one with the same bot. Default: the one ' +
          'that asks.',
      }),
    },
    resolve: (_root, { expiresIn, ...request }, { services, caller }) =>
      services.impersonation.issue(requireViewer(caller.viewer), { ...request, expiresIn: expiresIn ?? 3600 }),
  }),
);

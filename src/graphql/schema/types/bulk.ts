import { MAX_UPSERTED_CHATS } from '../../../domain/chats/chat-upserts.js';
import { MAX_SET_MEMBERS } from '../../../domain/chats/member-sets.js';
import { MAX_UPSERTED_USERS } from '../../../domain/people/user-upserts.js';
import { requireViewer } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { CHAT_METADATA, Chat, chatOfHead, TOPIC } from './chat.js';
import { ChatMembership, ChatRoleEnum } from './membership.js';
import { User, UserRoleEnum } from './user.js';
import { VisibilityEnum } from './visibility.js';

const IdentityInput = builder.inputType('IdentityInput', {
  description: 'Who a user is at an identity provider: the `iss` and the `sub` of its tokens.',
  fields: (t) => ({
    issuer: t.string({ required: true, description: 'The `iss` of the provider’s tokens.' }),
    subject: t.string({ required: true, description: 'The `sub` of the user’s tokens.' }),
  }),
});

const UserInput = builder.inputType('UserInput', {
  description: 'A user as your product knows them. What is not given stays as it is.',
  fields: (t) => ({
    externalId: t.string({ required: true, description: 'As of `createUser`.' }),
    username: t.string({
      description: 'As of `createUser`. A new user without one is called `user-` and eight letters and digits.',
    }),
    email: t.string({ description: 'Null or an empty string removes it.' }),
    firstName: t.string({ description: 'At most 150 characters.' }),
    lastName: t.string({ description: 'At most 150 characters.' }),
    role: t.field({
      type: UserRoleEnum,
      description: 'What the user may do in the whole service. A new one is `user`.',
    }),
    isActive: t.boolean({ description: '`false` ends all of the user’s sign-ins.' }),
    identities: t.field({
      type: [IdentityInput],
      description: 'At most 10. They are added to those that the user has.',
    }),
  }),
});

const ChatInput = builder.inputType('ChatInput', {
  description: 'A chat as your product knows it. What is not given stays as it is.',
  fields: (t) => ({
    externalId: t.string({ required: true, description: 'As of `createChat`.' }),
    name: t.string({ description: 'Needed for a new chat, as of `createChat`.' }),
    topic: t.string({ description: TOPIC }),
    visibility: t.field({ type: VisibilityEnum, description: 'Who finds the chat. A new one is `private`.' }),
    metadata: t.field({ type: 'JSON', description: `${CHAT_METADATA} Null takes it away.` }),
    archived: t.boolean({ description: 'As of `archiveChat`.' }),
    postingRole: t.field({
      type: ChatRoleEnum,
      description: 'The lowest role that sends messages. A new chat has `member`.',
    }),
  }),
});

const MemberInput = builder.inputType('MemberInput', {
  description: 'A user by one of `userId` and `externalId`.',
  fields: (t) => ({
    userId: t.id({ description: 'The user’s id here.' }),
    externalId: t.string({ description: 'The user’s id in your product.' }),
    role: t.field({
      type: ChatRoleEnum,
      description: 'Not given, a member keeps its role, and a new one is `member`, or less if they had less before.',
    }),
  }),
});

/** Units of weight for each row of a call. */
const ROW = 10;
/** The same for each member who may change: that is an event, too. One operation may change 1,500 at most. */
const MEMBER = 20;

/** The weight of a call with this many rows, of which it answers with `answered`. */
function rowsWeight(rows: number, perRow: number, max: number, answered = rows) {
  return { field: perRow * Math.max(1, Math.min(rows, max)), multiplier: Math.min(answered, max) };
}

builder.mutationFields((t) => ({
  upsertUsers: t.field({
    type: [User],
    description:
      `Creates or changes at most ${MAX_UPSERTED_USERS} users, by their external ids: all, or none if one of them is refused; the ` +
      '`field` of the error names the row, like `users.17.username`. Repeating it changes nothing. Admins only.',
    authScopes: { admin: true },
    args: {
      users: t.arg({ type: [UserInput], required: true, description: 'The users, at most one for each external id.' }),
    },
    complexity: ({ users }) => rowsWeight(users.length, ROW, MAX_UPSERTED_USERS),
    resolve: (_root, { users }, { services, caller }) =>
      services.userUpserts.upsert(requireViewer(caller.viewer), users),
  }),
  upsertChats: t.field({
    type: [Chat],
    description:
      `Creates or changes at most ${MAX_UPSERTED_CHATS} chats, by their external ids: all, or none as for ` +
      '`upsertUsers`. Repeating it changes nothing. Admins only.',
    authScopes: { admin: true },
    args: {
      chats: t.arg({ type: [ChatInput], required: true, description: 'The chats, at most one for each external id.' }),
    },
    complexity: ({ chats }) => rowsWeight(chats.length, ROW, MAX_UPSERTED_CHATS),
    resolve: async (_root, { chats }, context) => {
      const heads = await context.services.chatUpserts.upsert(requireViewer(context.caller.viewer), chats);
      const { access } = loaders(context);
      return heads.map((head) => chatOfHead(access.grant(head)));
    },
  }),
  setChatMembers: t.field({
    type: [ChatMembership],
    description:
      `Adds, changes and removes at most ${MAX_SET_MEMBERS} members of a group chat: all, or none as for \`upsertUsers\`. Each ` +
      'change is an event, and their numbers are adjacent; who is as asked already is not changed. Returns the memberships of ' +
      'those in `add` or `exactly`, in their order. Admins only.',
    authScopes: { admin: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      add: t.arg({ type: [MemberInput], description: 'Who is to be a member, with the role that is given.' }),
      remove: t.arg({ type: [MemberInput], description: 'Who is not to be one.' }),
      exactly: t.arg({
        type: [MemberInput],
        description: 'In place of both: all members that the chat is to have. Everybody else is removed.',
      }),
    },
    // An exact list may remove as many as a call may change, however short it is.
    complexity: ({ add, remove, exactly }) => {
      const named = (exactly ?? add)?.length ?? 0;
      const changed = exactly ? MAX_SET_MEMBERS : named + (remove?.length ?? 0);
      return rowsWeight(changed, MEMBER, MAX_SET_MEMBERS, named);
    },
    resolve: (_root, { chatId, ...set }, { services, caller }) =>
      services.memberSets.set(requireViewer(caller.viewer), chatId, set),
  }),
}));

import {
  extrasOf,
  MAX_REACTION_EMOJI,
  type PlainMessage,
  type ReactionSummary,
} from '../../../domain/log/chat-message.js';
import type { ReactionInput, ReactionPlace } from '../../../domain/messages/reactions.js';
import { requireScope } from '../../../domain/viewer.js';
import { fieldsOfItem } from '../asked-fields.js';
import { builder } from '../builder.js';
import type { GraphqlContext } from '../context.js';
import { loaders } from '../loaders.js';
import { checkPage, listWeight, USUAL_LENGTH } from '../paging.js';
import { plainValue } from '../plain-lists.js';
import { SHARED } from '../shared.js';
import { Message } from './message.js';
import { User } from './user.js';

const DEFAULT_USERS = 20;
const MAX_USERS = 100;

const Reaction = builder.objectRef<ReactionSummary & ReactionPlace>('Reaction').implement({
  description: 'The reactions to a message with one emoji.',
  fields: (t) => ({
    emoji: t.exposeString('emoji', {
      description: 'One emoji, in the spelling of the Unicode standard, or `:name:`.',
      extensions: SHARED,
    }),
    count: t.exposeInt('count', { description: 'How many users have reacted so.', extensions: SHARED }),
    // Not shared: a subscription that selects it is executed once for each listener.
    mine: t.boolean({
      description: 'Whether the viewer has reacted so.',
      resolve: (reaction, _args, context) => loaders(context).myReactions.load(reaction),
    }),
    users: t.field({
      type: [User],
      description: 'The users who reacted so, those who did last first. As of now: `count` may be a moment older.',
      args: {
        first: t.arg.int({ defaultValue: DEFAULT_USERS, description: `The most users to return, 1 to ${MAX_USERS}.` }),
        after: t.arg.id({
          description:
            'The id of the last user of the previous page. Fails with BAD_USER_INPUT when that user has removed the reaction.',
        }),
      },
      complexity: ({ first }) => listWeight(first, DEFAULT_USERS, MAX_USERS),
      resolve: (reaction, { first, after }, context, info) => {
        const page = checkPage({ first: first ?? DEFAULT_USERS, after }, MAX_USERS);
        return loaders(context).reactors(reaction, page, context.budget.affordableItemsPlusOne(fieldsOfItem(info)));
      },
      extensions: SHARED,
    }),
  }),
});

builder.objectField(Message, 'reactions', (t) =>
  t.field({
    type: [Reaction],
    description: 'In the order of the first reactions.',
    complexity: { multiplier: USUAL_LENGTH.reactions },
    resolve: (message) => {
      const { chatId, seq } = message;
      return extrasOf(message).reactions.map((reaction) => ({ ...reaction, chatId, seq }));
    },
    extensions: { ...SHARED, plain: plainValue((message: PlainMessage) => extrasOf(message).reactions) },
  }),
);

/** A second access check could turn a reaction that is stored into an error. */
async function change(context: GraphqlContext, what: 'add' | 'remove', input: ReactionInput) {
  const viewer = requireScope(context.caller.viewer, 'write');
  const message = await context.services.reactions[what](viewer, input);
  loaders(context).access.wroteTo(message.chatId);
  return message;
}

builder.mutationFields((t) => ({
  addReaction: t.field({
    type: Message,
    description:
      'Reacts to a message, and returns it with the reactions as they are now. Repeating it changes nothing. Fails with ' +
      `CONFLICT (rule \`message.reactions_full\`) if the message has ${MAX_REACTION_EMOJI} other emoji.`,
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      messageId: t.arg.id({ required: true, description: 'The message.' }),
      emoji: t.arg.string({
        required: true,
        description: 'One emoji, with or without U+FE0F, or `:name:` of 1 to 32 of a-z, 0-9, _, + and -.',
      }),
    },
    resolve: (_root, input, context) => change(context, 'add', input),
  }),
  removeReaction: t.field({
    type: Message,
    description: 'Takes a reaction back, and returns the message. Repeating it changes nothing.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      messageId: t.arg.id({ required: true, description: 'The message.' }),
      emoji: t.arg.string({ required: true, description: 'As of `addReaction`.' }),
    },
    resolve: (_root, input, context) => change(context, 'remove', input),
  }),
}));

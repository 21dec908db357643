import {
  type ChatMessage,
  extrasOf,
  MAX_MENTIONS,
  MAX_METADATA_BYTES,
  type MessageReference,
  type PlainMessage,
} from '../../../domain/log/chat-message.js';
import { MESSAGE_FLAGS } from '../../../domain/log/message-flags.js';
import type { UserProfile } from '../../../domain/profile.js';
import { requireScope } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import type { GraphqlContext } from '../context.js';
import { loaders } from '../loaders.js';
import { checkBetween, listWeight, MAX_SEQ, USUAL_LENGTH } from '../paging.js';
import { type PlainValue, plainList, plainValue } from '../plain-lists.js';
import { selectsField, selectsOnly } from '../selections.js';
import { SHARED, SHARED_BY_OWN_EVENT } from '../shared.js';
import { Chat, enterChat } from './chat.js';
import { User } from './user.js';

export const Message = builder.objectRef<PlainMessage>('Message');

Message.implement({
  description: 'What one user said in one chat.',
  authScopes: ({ chatId }, context) => loaders(context).access.reader(chatId),
  // `plainList` relies on this being all that `authScopes` depends on.
  extensions: { guardedBy: ({ chatId }: PlainMessage) => chatId },
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Stays the same when the message is edited.', extensions: SHARED }),
    chat: t.field({
      type: Chat,
      description: 'The chat that it was sent to.',
      resolve: ({ chatId }, _args, context) => enterChat(context, chatId),
      extensions: SHARED,
    }),
    sender: t.field({
      type: User,
      description: 'Who sent it.',
      resolve: ({ sender }) => profile(sender),
      extensions: { ...SHARED, plain: true },
    }),
    content: t.string({
      description: 'The words, 1 to 4000 characters; empty when the message is deleted.',
      resolve: ({ content }, _args, { budget }) => budget.spendText(content),
      extensions: { ...SHARED, plain: true },
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'When the message was sent.',
      extensions: SHARED,
    }),
    seq: t.exposeInt('seq', { description: 'The number of the message in its chat.', extensions: SHARED }),
    revision: t.int({
      description: 'How often the message was edited.',
      resolve: (message) => extrasOf(message).revision,
      extensions: { ...SHARED, plain: true },
    }),
    editedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the message was edited last; null if it never was.',
      resolve: (message) => extrasOf(message).editedAt,
      extensions: { ...SHARED, plain: true },
    }),
    deletedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the message was deleted. Its content is empty since.',
      resolve: (message) => extrasOf(message).deletedAt,
      extensions: { ...SHARED, plain: true },
    }),
    metadata: t.field({
      type: 'JSON',
      nullable: true,
      description: 'A JSON object of the client that sent or edited the message.',
      resolve: (message, _args, { budget }) => {
        const { metadata } = extrasOf(message);
        if (metadata) budget.spendText(JSON.stringify(metadata));
        return metadata;
      },
      extensions: { ...SHARED, plain: true },
    }),
    mentions: t.field({
      type: [User],
      description: 'The users whom the message mentions by name.',
      complexity: { multiplier: USUAL_LENGTH.mentions },
      resolve: (message) => [...extrasOf(message).mentions],
      extensions: { ...SHARED, plain: plainValue((message: PlainMessage) => extrasOf(message).mentions) },
    }),
    mentionsAll: t.boolean({
      description: 'Whether the message mentions every member.',
      resolve: (message) => extrasOf(message).mentionsAll,
      extensions: { ...SHARED, plain: true },
    }),
    alsoInChat: t.boolean({
      description: 'Whether a reply in a thread is in the main timeline too.',
      resolve: (message) => extrasOf(message).thread?.alsoInChat ?? false,
      extensions: { ...SHARED, plain: true },
    }),
    pinnedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the message was pinned; null when it is not pinned.',
      resolve: (message) => extrasOf(message).pinnedAt,
      extensions: { ...SHARED, plain: true },
    }),
    pinnedBy: t.field({
      type: User,
      nullable: true,
      description: 'Who pinned it; null when it is not pinned.',
      resolve: (message) => extrasOf(message).pinnedBy,
      extensions: { ...SHARED, plain: true },
    }),
    // Null for everybody but the sender. A subscription is executed separately for the author of an event, who is that sender; of
    // another message than the event's own somebody else may be.
    nonce: t.string({
      nullable: true,
      description: 'The nonce that the sender chose. Only the sender sees it; it is null for everybody else.',
      resolve: ({ sender, nonce }, _args, { caller }) => (caller.viewer?.user?.id === sender.id ? nonce : null),
      extensions: { ...SHARED_BY_OWN_EVENT, plain: true },
    }),
  }),
});

const REFERENCE_FIELDS: ReadonlySet<string> = new Set(['__typename', 'id', 'seq'] satisfies (
  | '__typename'
  | keyof MessageReference
)[]);

/** The quoted message, as far as the quoting one knows it. Nothing is read for a selection that asks for no more. */
const QUOTED = {
  of: (message: PlainMessage): PlainMessage | null => {
    const { replyTo } = extrasOf(message);
    return replyTo && { ...NOT_READ, ...replyTo, chatId: message.chatId };
  },
  isFor: (selectionSet, fragments) =>
    selectionSet !== undefined && selectsOnly(selectionSet, REFERENCE_FIELDS, fragments),
} satisfies PlainValue<PlainMessage>;

/** What nobody asks of a message of which only its reference is known. */
const NOT_READ = { content: '', nonce: null, createdAt: '', sender: { id: '' } } as const;

builder.objectFields(Message, (t) => ({
  replyTo: t.field({
    type: Message,
    nullable: true,
    description: 'The message that this one quotes, as it is now.',
    resolve: (message, _args, context, { fieldNodes, fragments }) =>
      fieldNodes.every(({ selectionSet }) => QUOTED.isFor(selectionSet, fragments))
        ? QUOTED.of(message)
        : messageAt(message.chatId, extrasOf(message).replyTo?.seq, context),
    extensions: { ...SHARED, plain: QUOTED },
  }),
  threadRoot: t.field({
    type: Message,
    nullable: true,
    description: 'The message whose thread this one is in; null for a message of the main timeline.',
    resolve: (message, _args, context) => messageAt(message.chatId, extrasOf(message).thread?.rootSeq, context),
    extensions: SHARED,
  }),
}));

/** A message that another object refers to, read together with all others. The caller has checked access to the chat. */
export async function messageAt(
  chatId: string,
  seq: number | undefined,
  context: GraphqlContext,
): Promise<ChatMessage | null> {
  if (seq === undefined) return null;
  const message = await loaders(context).messageAt(chatId, seq);
  return message && context.budget.spendReading([message]) ? message : null;
}

/** Fields that return messages read the senders when the operation selects them. */
function profile(sender: PlainMessage['sender']): UserProfile {
  if (!('username' in sender)) throw new Error(`The sender ${sender.id} was not read with the message.`);
  return sender;
}

builder.prismaObjectField(Chat, 'lastMessage', (t) =>
  t.field({
    type: Message,
    nullable: true,
    description: 'The newest message; null in a chat without messages.',
    resolve: async ({ id }, _args, context) => {
      const message = await loaders(context).lastMessages.load(id);
      return message && context.budget.spendReading([message]) ? message : null;
    },
  }),
);

const DEFAULT_LAST = 50;
const MAX_LAST = 100;

builder.queryField('messages', (t) =>
  t.field({
    type: [Message],
    description:
      'The newest messages of a chat, or of the part that `before` and `after` bound. Oldest first. Without `thread`, those of the ' +
      'main timeline: replies in threads are there if they were sent with `alsoInChat`.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      last: t.arg.int({ defaultValue: DEFAULT_LAST, description: `The most messages to return, 1 to ${MAX_LAST}.` }),
      before: t.arg.int({ description: 'Only messages with a `seq` below this.' }),
      after: t.arg.int({ description: 'Only messages with a `seq` above this.' }),
      thread: t.arg.id({ description: 'Only the replies in the thread of this message, without the message itself.' }),
      deleted: t.arg.boolean({ defaultValue: false, description: 'Whether deleted messages are among them.' }),
    },
    complexity: ({ last }) => listWeight(last, DEFAULT_LAST, MAX_LAST),
    resolve: async (_root, { chatId, last, before, after, thread, deleted }, context, info) => {
      const range = {
        last: checkBetween('last', last ?? DEFAULT_LAST, 1, MAX_LAST),
        before: checkBetween('before', before ?? MAX_SEQ, 0, MAX_SEQ),
        after: checkBetween('after', after ?? 0, 0, MAX_SEQ),
        without: (deleted ? 0 : MESSAGE_FLAGS.deleted) | (thread == null ? MESSAGE_FLAGS.threadOnly : 0),
      };
      const wanted = { senders: selectsField(info, 'sender') };
      const page = await context.budget.read(() =>
        thread == null
          ? loaders(context).messages(chatId, range, wanted)
          : loaders(context).replies(chatId, thread, range),
      );
      return page && context.budget.spendReading(page) ? plainList(page, context, info) : [];
    },
  }),
);

builder.queryField('message', (t) =>
  t.field({
    type: Message,
    nullable: true,
    description:
      'A message, deleted or not. Null if the chat has none with this id, or if you may not read the chat: the two look the same.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      id: t.arg.id({ required: true, description: 'The message.' }),
    },
    resolve: async (_root, { chatId, id }, context) => {
      const message = await loaders(context).messageById(chatId, id);
      return message && context.budget.spendReading([message]) ? message : null;
    },
  }),
);

builder.mutationField('sendMessage', (t) =>
  t.field({
    type: Message,
    description:
      'Sends a message to a chat, and answers after it is stored. A second call with the same nonce returns the first message, as ' +
      'it is now; while that is as it was sent, a call with another content, `replyTo` or `thread` fails with NONCE_REUSED.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      content: t.arg.string({
        required: true,
        description: '1 to 4000 characters. White space around them is removed.',
      }),
      nonce: t.arg.string({ description: '1 to 128 characters that the client chooses, unique per chat and sender.' }),
      replyTo: t.arg.id({ description: 'The message of this chat that the new one quotes.' }),
      thread: t.arg.id({
        description:
          'The message of the main timeline in whose thread the new one is a reply. Its first reply begins the thread.',
      }),
      alsoInChat: t.arg.boolean({
        defaultValue: false,
        description: 'Whether a reply in a thread is in the main timeline too.',
      }),
      mentions: t.arg.idList({
        description: `The users whom the message names: at most ${MAX_MENTIONS}, all members.`,
      }),
      mentionAll: t.arg.boolean({
        defaultValue: false,
        description:
          'Whether the message mentions every member. Moderators only, and in a chat with many members owners only.',
      }),
      metadata: t.arg({
        type: 'JSON',
        description: `A JSON object of at most ${MAX_METADATA_BYTES} bytes and five levels, for whatever the client needs.`,
      }),
    },
    resolve: async (_root, input, context) => {
      const viewer = requireScope(context.caller.viewer, 'write');
      const message = await context.services.messages.send(viewer, input);
      // A second access check would double the database's work, and could turn a stored message into an error.
      loaders(context).access.wroteTo(message.chatId);
      return message;
    },
  }),
);

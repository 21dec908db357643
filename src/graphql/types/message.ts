import type { PlainMessage } from '../../domain/chat-events.js';
import { requireScope, type UserProfile } from '../../domain/viewer.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { checkBetween, listWeight, MAX_SEQ } from '../paging.js';
import { plainList } from '../plain-lists.js';
import { asksFor } from '../selections.js';
import { Chat, enterChat } from './chat.js';
import { User } from './user.js';

export const Message = builder.objectRef<PlainMessage>('Message');

Message.implement({
  authScopes: ({ chatId }, context) => loaders(context).access.reader(chatId),
  // What the guard goes by, and nothing else: `plainList` relies on it.
  extensions: { guardedBy: ({ chatId }: PlainMessage) => chatId },
  fields: (t) => ({
    id: t.exposeID('id'),
    chat: t.field({ type: Chat, resolve: ({ chatId }, _args, context) => enterChat(context, chatId) }),
    sender: t.field({ type: User, resolve: ({ sender }) => profile(sender), extensions: { plain: true } }),
    content: t.exposeString('content'),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    seq: t.exposeInt('seq', { description: "The message's number in the history of its chat." }),
    nonce: t.string({
      nullable: true,
      description: 'What the sender chose to tell a repetition by. For the sender only; null for everybody else.',
      resolve: ({ sender, nonce }, _args, { caller }) => (caller.viewer?.user?.id === sender.id ? nonce : null),
      extensions: { plain: true },
    }),
  }),
});

/** A field that answers with messages reads their senders when it is asked for them. */
function profile(sender: PlainMessage['sender']): UserProfile {
  if (!('username' in sender)) throw new Error(`The sender ${sender.id} was not read with the message.`);
  return sender;
}

builder.prismaObjectField(Chat, 'lastMessage', (t) =>
  t.field({
    type: Message,
    nullable: true,
    resolve: ({ id }, _args, context) => loaders(context).lastMessages.load(id),
  }),
);

const DEFAULT_LAST = 50;
const MAX_LAST = 100;

builder.queryField('messages', (t) =>
  t.field({
    type: [Message],
    description: 'The newest messages of a chat, or of a part of its history; the oldest of them first.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true }),
      last: t.arg.int({ defaultValue: DEFAULT_LAST, description: `The most messages to return, 1 to ${MAX_LAST}.` }),
      before: t.arg.int({ description: 'Only messages with a lower number than this.' }),
      after: t.arg.int({ description: 'Only messages with a higher number than this.' }),
    },
    complexity: ({ last }) => listWeight(last, DEFAULT_LAST, MAX_LAST),
    resolve: async (_root, { chatId, last, before, after }, context, info) => {
      const range = {
        last: checkBetween('last', last ?? DEFAULT_LAST, 1, MAX_LAST),
        before: checkBetween('before', before ?? MAX_SEQ, 0, MAX_SEQ),
        after: checkBetween('after', after ?? 0, 0, MAX_SEQ),
      };
      const page = await loaders(context).messages(chatId, range, { senders: asksFor(info, 'sender') });
      return plainList(page, context, info);
    },
  }),
);

builder.mutationField('sendMessage', (t) =>
  t.field({
    type: Message,
    description:
      'Answers after the message is stored. Repeating it with the same nonce returns the first message; the same nonce with ' +
      'another content answers NONCE_REUSED.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true }),
      content: t.arg.string({
        required: true,
        description: '1 to 4000 characters without the white space around them.',
      }),
      nonce: t.arg.string({ description: '1 to 128 characters, chosen by the client, unique per chat and sender.' }),
    },
    resolve: async (_root, { chatId, content, nonce }, context) => {
      const viewer = requireScope(context.caller.viewer, 'write');
      const message = await context.services.messages.send(viewer, { chatId, content, nonce });
      // Asking again would double the database's work, and could turn a message that is stored into an error.
      loaders(context).access.wroteTo(message.chatId);
      return message;
    },
  }),
);

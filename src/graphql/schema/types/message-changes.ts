import { MAX_DELETED } from '../../../domain/messages/message-changes.js';
import { requireViewer } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import type { GraphqlContext } from '../context.js';
import { loaders } from '../loaders.js';
import { listWeight } from '../paging.js';
import { Message } from './message.js';

type Changes = GraphqlContext['services']['messageChanges'];

builder.mutationFields((t) => {
  const target = {
    chatId: t.arg.id({ required: true, description: 'The chat.' }),
    messageId: t.arg.id({ required: true, description: 'The message.' }),
  };

  /** A mutation of one message, which names it and needs nothing else. */
  const changeOfOne = (change: 'delete' | 'forgetHistory' | 'pin' | 'unpin', description: string) =>
    t.field({
      type: Message,
      description,
      authScopes: { user: true },
      args: target,
      resolve: (_root, { chatId, messageId }, context) =>
        answer(context, (changes) => changes[change](requireViewer(context.caller.viewer), { chatId, messageId })),
    });

  return {
    editMessage: t.field({
      type: Message,
      description:
        'Gives a message other words, mentions and metadata. Only who sent it may. Fails with CONFLICT when the message is ' +
        'deleted, or when `revision` is not its revision any more; with RATE_LIMITED after 10 edits within a minute. When the ' +
        'message has all of it already, nothing changes.',
      authScopes: { user: true },
      args: {
        ...target,
        content: t.arg.string({
          required: true,
          description: '1 to 4000 characters. White space around them is removed.',
        }),
        revision: t.arg.int({ description: 'The revision that you saw.' }),
        mentions: t.arg.idList({
          description:
            'The ids of all users whom the message mentions from now on, at most 50. Without it they stay; null takes them away.',
        }),
        metadata: t.arg({
          type: 'JSON',
          description: 'A JSON object of at most 4096 bytes. Without it the metadata stays; null takes it away.',
        }),
      },
      resolve: (_root, edit, context) =>
        answer(context, (changes) => changes.edit(requireViewer(context.caller.viewer), edit)),
    }),
    deleteMessage: changeOfOne(
      'delete',
      'Deletes a message, and returns what is left of it. Repeating it changes nothing. Who sent it may, and moderators and ' +
        'owners of the chat.',
    ),
    deleteMessages: t.field({
      type: [Message],
      description:
        `Deletes 1 to ${MAX_DELETED} messages of a chat as \`deleteMessage\` does, all or none. Returns them in the order of the ` +
        'ids, each once.',
      authScopes: { user: true },
      args: {
        chatId: t.arg.id({ required: true, description: 'The chat.' }),
        messageIds: t.arg.idList({ required: true, description: 'The messages.' }),
      },
      complexity: ({ messageIds }) => listWeight(messageIds.length, MAX_DELETED, MAX_DELETED),
      resolve: async (_root, { chatId, messageIds }, context) => {
        const { messageChanges } = context.services;
        const messages = await messageChanges.deleteMany(requireViewer(context.caller.viewer), chatId, messageIds);
        for (const message of messages) loaders(context).access.wroteTo(message.chatId);
        return messages;
      },
    }),
    forgetHistory: changeOfOne(
      'forgetHistory',
      'Drops the earlier versions of a message. Nobody is told. Who sent it may, and moderators and owners of the chat.',
    ),
    pinMessage: changeOfOne(
      'pin',
      'Pins a message in its chat. Repeating it changes nothing. Moderators and owners only, in a direct chat both members. Fails ' +
        'with CONFLICT when the message is deleted, or when the chat has 100 pins.',
    ),
    unpinMessage: changeOfOne('unpin', 'Unpins a message. Repeating it changes nothing. Who may pin it may.'),
  };
});

/** Makes the change, and lets the viewer read its answer: another access check could turn a change that was made into an error. */
async function answer<Changed extends { chatId: string }>(
  context: GraphqlContext,
  change: (changes: Changes) => Promise<Changed>,
): Promise<Changed> {
  const message = await change(context.services.messageChanges);
  loaders(context).access.wroteTo(message.chatId);
  return message;
}

import { extrasOf } from '../../../domain/log/chat-message.js';
import type { MessageRevision as Revision } from '../../../domain/messages/message-histories.js';
import type { MessageAction } from '../../../domain/messages/message-rights.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { checkBetween, listWeight, MAX_SEQ, OWN_STATEMENT, USUAL_LENGTH } from '../paging.js';
import { Message } from './message.js';
import { User } from './user.js';

const MAX_REVISIONS = 100;

const MessageRevision = builder.objectRef<Revision>('MessageRevision');

MessageRevision.implement({
  description: 'What a message said before an edit.',
  fields: (t) => ({
    revision: t.exposeInt('revision', { description: '0 for the words that were sent.' }),
    content: t.string({
      description: 'The words of this version.',
      resolve: ({ content }, _args, { budget }) => budget.spendText(content),
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When these words were written.' }),
    editor: t.expose('editor', { type: User, description: 'Who wrote them.' }),
  }),
});

const MessageActionEnum = builder.enumType('MessageAction', {
  description: 'What somebody may do with a message.',
  values: {
    reply: { description: 'Reply in its thread.' },
    react: { description: 'React to it.' },
    edit: { description: 'Give it other words.' },
    delete: { description: 'Delete it.' },
    pin: { description: 'Pin or unpin it.' },
    report: { description: 'Report it to the moderators of the chat.' },
    readHistory: { description: 'Read its earlier versions, and drop them.' },
  } as const satisfies Record<MessageAction, object>,
});

builder.objectFields(Message, (t) => ({
  history: t.field({
    type: [MessageRevision],
    description:
      'The earlier versions of the message, oldest first, without the present one; the newest 100 are kept. Only for who sent ' +
      'the message and for who may delete it; others get FORBIDDEN.',
    args: {
      first: t.arg.int({ description: `The most versions to return, 1 to ${MAX_REVISIONS}, which is the default.` }),
      after: t.arg.int({ description: 'Only versions with a `revision` above this.' }),
    },
    complexity: ({ first }) => ({ ...listWeight(first, USUAL_LENGTH.history, MAX_REVISIONS), field: OWN_STATEMENT }),
    resolve: async (message, args, context) => {
      const page = {
        first: checkBetween('first', args.first ?? MAX_REVISIONS, 1, MAX_REVISIONS),
        after: checkBetween('after', args.after ?? -1, -1, MAX_SEQ),
      };
      const { services, caller, budget } = context;
      const standing = await loaders(context).standings.load(message.chatId);
      services.messageRights.requireHistory(caller.viewer, standing, message);
      if (extrasOf(message).revision === 0) return [];
      const history = await budget.read(() => services.messageHistories.read(message, page));
      return history && budget.spendReading(history) ? history : [];
    },
  }),
  viewerCan: t.field({
    type: [MessageActionEnum],
    description:
      'What the viewer may do with the message now, with the scopes of their token. Nothing with a deleted one.',
    complexity: { field: 1, multiplier: 1 },
    resolve: async (message, _args, context) => {
      const { services, caller } = context;
      const standing = await loaders(context).standings.load(message.chatId);
      return services.messageRights.allowedActions(caller.viewer, standing, message);
    },
  }),
}));

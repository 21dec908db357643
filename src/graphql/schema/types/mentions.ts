import { userOf } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import { checkBetween, listWeight } from '../paging.js';
import { Message } from './message.js';

const DEFAULT_FIRST = 50;
const MAX_FIRST = 100;

builder.queryField('mentions', (t) =>
  t.field({
    type: [Message],
    description:
      'The messages that mention you by name, in all chats that you are a member of, those first that mentioned you last. Not those of ' +
      'whom you block.',
    authScopes: { user: true },
    args: {
      first: t.arg.int({ defaultValue: DEFAULT_FIRST, description: `The most messages to return, 1 to ${MAX_FIRST}.` }),
      before: t.arg.id({
        description:
          'The id of the last message of the previous page. If that does not mention you any more, messages may come again.',
      }),
    },
    complexity: ({ first }) => listWeight(first, DEFAULT_FIRST, MAX_FIRST),
    resolve: async (_root, { first, before }, { services, caller, budget }) => {
      const { id } = userOf(caller.viewer);
      const length = checkBetween('first', first ?? DEFAULT_FIRST, 1, MAX_FIRST);
      const page = await budget.read(() =>
        services.mentionLists.page(id, length, before ?? undefined, caller.viewer?.chats),
      );
      return page && budget.spendReading(page) ? page : [];
    },
  }),
);

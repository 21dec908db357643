import { fieldsOfItem } from '../asked-fields.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { checkPage, listWeight, OWN_STATEMENT } from '../paging.js';
import { SHARED } from '../shared.js';
import { Message } from './message.js';
import { User } from './user.js';

const DEFAULT_READERS = 50;
const MAX_READERS = 100;

builder.objectFields(Message, (t) => ({
  readBy: t.field({
    type: [User],
    nullable: true,
    description:
      'The members who have read the message by their read markers, without its sender, in the order of their ids. A reply in a thread is ' +
      'read by the marker of the thread. Null in a chat with more members than `RECEIPTS_LIMIT`, and in one whose ' +
      '`receipts` are off.',
    args: {
      first: t.arg.int({
        defaultValue: DEFAULT_READERS,
        description: `The most users to return, 1 to ${MAX_READERS}.`,
      }),
      after: t.arg.id({ description: 'The id of the last user of the previous page.' }),
    },
    complexity: ({ first }) => ({ ...listWeight(first, DEFAULT_READERS, MAX_READERS), field: OWN_STATEMENT }),
    resolve: (message, { first, after }, context, info) => {
      const page = checkPage({ first: first ?? DEFAULT_READERS, after }, MAX_READERS);
      const affordable = context.budget.affordableItemsPlusOne(fieldsOfItem(info));
      return loaders(context).readers.page(message, page, affordable);
    },
    extensions: SHARED,
  }),
  readCount: t.int({
    nullable: true,
    description: 'How many members have read the message, as of `readBy`.',
    complexity: OWN_STATEMENT,
    resolve: (message, _args, context) => loaders(context).readers.count(message),
    extensions: SHARED,
  }),
}));

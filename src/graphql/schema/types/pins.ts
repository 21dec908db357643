import { MAX_PINS } from '../../../domain/messages/message-changes.js';
import { fieldsOfItem } from '../asked-fields.js';
import { builder } from '../builder.js';
import { checkBetween, checkPage, listWeight, OWN_STATEMENT, USUAL_LENGTH } from '../paging.js';
import { Chat } from './chat.js';
import { Message } from './message.js';

builder.prismaObjectField(Chat, 'pins', (t) =>
  t.field({
    type: [Message],
    description: `The pinned messages, the newest pin first. A chat has at most ${MAX_PINS}.`,
    args: {
      first: t.arg.int({ description: `The most messages to return, 1 to ${MAX_PINS}, which is the default.` }),
      after: t.arg.id({ description: 'The id of the last message of the previous page, which must still be pinned.' }),
    },
    complexity: ({ first }) => ({ ...listWeight(first, USUAL_LENGTH.pins, MAX_PINS), field: OWN_STATEMENT }),
    resolve: async ({ id }, args, { services, budget }, info) => {
      const { after } = checkPage({ after: args.after });
      const first = checkBetween('first', args.first ?? MAX_PINS, 1, MAX_PINS);
      const affordable = Math.min(first, budget.affordableItemsPlusOne(fieldsOfItem(info)));
      const pins = await budget.read(() => services.pins.list(id, { first: affordable, after }));
      return pins && budget.spendReading(pins) ? pins : [];
    },
  }),
);

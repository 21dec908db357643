import { cursorReset } from '../../../domain/errors.js';
import { type ChatEvent as ChatEventShape, type EventOf, messageOf } from '../../../domain/log/chat-events.js';
import { formatCursor, parseCursor } from '../../../domain/log/cursor.js';
import { openStream } from '../../streams/open-stream.js';
import { builder } from '../builder.js';
import type { GraphqlContext } from '../context.js';
import { ChatEvent } from '../events/chat-event.js';
import { loaders } from '../loaders.js';
import { checkBetween, listWeight } from '../paging.js';
import { Message } from './message.js';

interface EventPage {
  events: readonly ChatEventShape[];
  cursor: string;
  hasMore: boolean;
}

const ChatEventPage = builder.objectRef<EventPage>('ChatEventPage').implement({
  description: 'A part of the history of a chat.',
  fields: (t) => ({
    // The query's own complexity has multiplied it by the page's length already.
    events: t.expose('events', {
      type: [ChatEvent],
      description: 'The changes, oldest first.',
      complexity: { field: 1, multiplier: 1 },
    }),
    cursor: t.exposeString('cursor', {
      description: 'Pass it as `after` to get the next page, or to open a stream behind this page.',
    }),
    hasMore: t.exposeBoolean('hasMore', { description: 'Whether the history has changes behind this page.' }),
  }),
});

function messagesOf(events: readonly ChatEventShape[]): { content: string }[] {
  return events.map(messageOf).filter((message) => message !== undefined);
}

const DEFAULT_LIMIT = 200;
const MAX_LIMIT = 500;

builder.queryField('chatEvents', (t) =>
  t.field({
    type: ChatEventPage,
    description:
      'The changes of a chat after a cursor, oldest first. Fails with CURSOR_RESET if the cursor is of another history. The log of a ' +
      'deleted chat is kept for 30 days, for who was a member at its end.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      after: t.arg.string({ required: true, description: 'A cursor from this service.' }),
      limit: t.arg.int({
        defaultValue: DEFAULT_LIMIT,
        description: `The most events to return, 1 to ${MAX_LIMIT}. Long events may make a page shorter.`,
      }),
    },
    complexity: ({ limit }) => listWeight(limit, DEFAULT_LIMIT, MAX_LIMIT),
    resolve: async (_root, { chatId, after, limit }, context): Promise<EventPage> => {
      const size = checkBetween('limit', limit ?? DEFAULT_LIMIT, 1, MAX_LIMIT);
      const { epoch, seq } = parseCursor('after', after);
      const head = await loaders(context).access.enterLog(chatId);
      if (epoch !== head.epoch || seq > head.seq) throw cursorReset();
      const { budget, services } = context;
      const page = await budget.read(() => services.chatLog.page(head, seq, size));
      const isPaid = page !== undefined && budget.spendReading(messagesOf(page.events));
      if (!isPaid) return { events: [], cursor: after, hasMore: true };
      return { events: page.events, cursor: formatCursor({ epoch, seq: page.upTo }), hasMore: page.upTo < head.seq };
    },
  }),
);

builder.subscriptionFields((t) => ({
  chatEvents: t.field({
    type: ChatEvent,
    description:
      'The changes of a chat after a cursor: first the history, then live, as one sequence without a gap. Without a cursor it ' +
      'begins live. Completes after you are removed from the chat, and after it is deleted. Fails with CURSOR_RESET if the cursor is ' +
      'of another history.',
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      after: t.arg.string({ description: 'A cursor from this service.' }),
    },
    subscribe: (_root, { chatId, after }, context) =>
      openStream(context, { chatId, after: after == null ? undefined : parseCursor('after', after) }, isAny),
    resolve: (event, _args, context) => grantAccess(event, context),
  }),
  messageSent: t.field({
    type: Message,
    description: 'New messages of a chat, from now on. To resume after a disconnect, use `chatEvents`.',
    args: { chatId: t.arg.id({ required: true, description: 'The chat.' }) },
    subscribe: (_root, { chatId }, context) => openStream(context, { chatId }, isMessage),
    resolve: (event, _args, context) => grantAccess(event, context).message,
  }),
}));

const isAny = (_event: ChatEventShape): _event is ChatEventShape => true;
const isMessage = (event: ChatEventShape): event is EventOf<'message.created'> => event.type === 'message.created';

/** Grants access to the event's chat: the stream has checked it already. */
function grantAccess<Event extends ChatEventShape>(event: Event, context: GraphqlContext): Event {
  loaders(context).access.grant({ chatId: event.chatId, epoch: event.epoch, seq: event.seq });
  return event;
}

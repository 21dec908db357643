import type {
  ChatEvent as ChatEventShape,
  MemberAdded,
  MemberRemoved,
  MessageCreated,
} from '../../domain/chat-events.js';
import { formatCursor, parseCursor } from '../../domain/cursor.js';
import { cursorReset } from '../../domain/errors.js';
import { builder } from '../builder.js';
import type { GraphqlContext } from '../context.js';
import { loaders } from '../loaders.js';
import { openStream } from '../open-stream.js';
import { checkBetween, listWeight } from '../paging.js';
import { ChatMembership } from './membership.js';
import { Message } from './message.js';
import { User } from './user.js';

const TYPE_NAMES = {
  'message.created': 'MessageCreated',
  'member.added': 'MemberAdded',
  'member.removed': 'MemberRemoved',
} as const satisfies Record<ChatEventShape['type'], string>;

export const ChatEvent = builder.interfaceRef<ChatEventShape>('ChatEvent');

ChatEvent.implement({
  description: 'A durable change of a chat. Every one has the next number of its chat: 1, 2, 3, …',
  authScopes: ({ chatId }, context) => loaders(context).access.reader(chatId),
  resolveType: ({ type }) => TYPE_NAMES[type],
  fields: (t) => ({
    chatId: t.exposeID('chatId'),
    seq: t.exposeInt('seq'),
    cursor: t.string({ description: 'Resumes after this event.', resolve: formatCursor }),
    at: t.expose('at', { type: 'DateTime' }),
    actor: t.expose('actor', { type: User, nullable: true, description: 'Null when an operator did it.' }),
  }),
});

builder.objectRef<MessageCreated>('MessageCreated').implement({
  interfaces: [ChatEvent],
  fields: (t) => ({ message: t.expose('message', { type: Message }) }),
});

builder.objectRef<MemberAdded>('MemberAdded').implement({
  interfaces: [ChatEvent],
  fields: (t) => ({
    member: t.field({ type: ChatMembership, resolve: ({ chatId, member }) => ({ chatId, ...member }) }),
  }),
});

builder.objectRef<MemberRemoved>('MemberRemoved').implement({
  interfaces: [ChatEvent],
  fields: (t) => ({ user: t.expose('user', { type: User }) }),
});

interface EventPage {
  events: ChatEventShape[];
  cursor: string;
  hasMore: boolean;
}

const ChatEventPage = builder.objectRef<EventPage>('ChatEventPage').implement({
  fields: (t) => ({
    // Multiplied by the page's length already.
    events: t.expose('events', { type: [ChatEvent], complexity: { field: 1, multiplier: 1 } }),
    cursor: t.exposeString('cursor', { description: 'Where the next page begins, or a stream.' }),
    hasMore: t.exposeBoolean('hasMore'),
  }),
});

const DEFAULT_LIMIT = 200;
const MAX_LIMIT = 500;

builder.queryField('chatEvents', (t) =>
  t.field({
    type: ChatEventPage,
    description: 'The history after a cursor, oldest first. Answers CURSOR_RESET for a cursor of another history.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true }),
      after: t.arg.string({ required: true, description: 'A cursor that this service gave.' }),
      limit: t.arg.int({ defaultValue: DEFAULT_LIMIT, description: `The most events to return, 1 to ${MAX_LIMIT}.` }),
    },
    complexity: ({ limit }) => listWeight(limit, DEFAULT_LIMIT, MAX_LIMIT),
    resolve: async (_root, { chatId, after, limit }, context) => {
      const size = checkBetween('limit', limit ?? DEFAULT_LIMIT, 1, MAX_LIMIT);
      const { epoch, seq } = parseCursor('after', after);
      const head = await loaders(context).access.enter(chatId);
      if (epoch !== head.epoch || seq > head.seq) throw cursorReset();
      const upTo = Math.min(head.seq, seq + size);
      return {
        events: await context.services.chatLog.events(head, seq, size),
        cursor: formatCursor({ epoch, seq: upTo }),
        hasMore: upTo < head.seq,
      };
    },
  }),
);

builder.subscriptionFields((t) => ({
  chatEvents: t.field({
    type: ChatEvent,
    description:
      'The history after a cursor, then what happens from now on, as one sequence without a gap; without a cursor, from now ' +
      'on. Completes after the removal of the viewer. Fails with CURSOR_RESET for a cursor of another history.',
    args: {
      chatId: t.arg.id({ required: true }),
      after: t.arg.string({ description: 'A cursor that this service gave.' }),
    },
    subscribe: (_root, { chatId, after }, context) =>
      openStream(context, { chatId, after: after == null ? undefined : parseCursor('after', after) }, isAny),
    resolve: (event, _args, context) => entered(event, context),
  }),
  messageSent: t.field({
    type: Message,
    description: 'The messages of a chat from now on. `chatEvents` is the form that can resume.',
    args: { chatId: t.arg.id({ required: true }) },
    subscribe: (_root, { chatId }, context) => openStream(context, { chatId }, isMessage),
    resolve: (event, _args, context) => entered(event, context).message,
  }),
}));

const isAny = (_event: ChatEventShape): _event is ChatEventShape => true;
const isMessage = (event: ChatEventShape): event is MessageCreated => event.type === 'message.created';

/** The stream has let the viewer in: nothing is asked again for the event's own chat. */
function entered<Event extends ChatEventShape>(event: Event, context: GraphqlContext): Event {
  loaders(context).access.grant({ chatId: event.chatId, epoch: event.epoch, seq: event.seq });
  return event;
}

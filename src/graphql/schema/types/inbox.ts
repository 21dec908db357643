import { formatCursor } from '../../../domain/log/cursor.js';
import type { ChatState as ChatStateShape } from '../../../domain/mine/chat-states.js';
import { formatPosition, type InboxPosition, parsePosition } from '../../../domain/mine/inbox-position.js';
import { checkMaxMissed, DEFAULT_MAX_MISSED } from '../../../domain/mine/max-missed.js';
import { userOf } from '../../../domain/viewer.js';
import { chatIdOf, type InboxItem } from '../../streams/inbox-item.js';
import { openInbox } from '../../streams/open-inbox.js';
import { builder } from '../builder.js';
import { ChatEvent } from '../events/chat-event.js';
import { loaders } from '../loaders.js';
import { checkBetween, listWeight } from '../paging.js';
import { Chat, chatOfHead } from './chat.js';
import { ChatState } from './chat-state.js';
import { Invitation } from './invitation.js';

const DEFAULT_PAGE = 50;
const MAX_PAGE = 100;

type ItemOf<Type extends InboxItem['type']> = Extract<InboxItem, { type: Type }>;

const InboxEvent = builder.interfaceRef<InboxItem>('InboxEvent').implement({
  description: 'Something new in one of your chats.',
  resolveType: ({ type }) => NAMES[type],
  fields: (t) => ({
    position: t.exposeString('position', { description: 'Pass it as `after` to resume behind this.' }),
    chatId: t.id({ description: 'The chat that it is about.', resolve: chatIdOf }),
  }),
});

const NAMES: Record<InboxItem['type'], string> = {
  ...{ event: 'InboxChatEvent', state: 'InboxState', invitation: 'InboxInvitation', gap: 'InboxGap' },
};

builder.objectRef<ItemOf<'event'>>('InboxChatEvent').implement({
  description: 'A change of a chat. The changes of one chat come in their order, each once.',
  interfaces: [InboxEvent],
  isTypeOf: (item) => isItem(item, 'event'),
  fields: (t) => ({
    event: t.field({
      type: ChatEvent,
      description: 'The change.',
      resolve: ({ event }, _args, context) => {
        const { chatId, epoch, seq } = event;
        loaders(context).access.grant({ chatId, epoch, seq });
        return event;
      },
    }),
  }),
});

builder.objectRef<ItemOf<'state'>>('InboxState').implement({
  description: 'You have moved a marker or set a preference, on any of your devices. The state is that of now.',
  interfaces: [InboxEvent],
  isTypeOf: (item) => isItem(item, 'state'),
  fields: (t) => ({
    state: t.expose('state', { type: ChatState, description: 'What the chat is to you now.' }),
    ofThreads: t.exposeBoolean('ofThreads', {
      description:
        'Whether it is, or may be, about threads of the chat: which ones you follow, or what you have read of them.',
    }),
  }),
});

builder.objectRef<ItemOf<'invitation'>>('InboxInvitation').implement({
  description:
    'You were invited to a chat, or an invitation was accepted, declined or revoked: it has expired then. The invitation is that of now.',
  interfaces: [InboxEvent],
  isTypeOf: (item) => isItem(item, 'invitation'),
  fields: (t) => ({
    invitation: t.expose('invitation', { type: Invitation, description: 'The invitation as it is now.' }),
  }),
});

builder.objectRef<ItemOf<'gap'>>('InboxGap').implement({
  description:
    'You missed more of a chat than `maxMissed`: what lies between the cursors. Load it when you open the chat.',
  interfaces: [InboxEvent],
  isTypeOf: (item) => isItem(item, 'gap'),
  fields: (t) => ({
    after: t.string({
      description: 'The cursor behind which you were sent nothing. Pass it to the query `chatEvents`.',
      resolve: ({ gap }) => formatCursor(gap.after),
    }),
    cursor: t.string({
      description: 'The cursor behind which the stream goes on.',
      resolve: ({ gap }) => formatCursor(gap.cursor),
    }),
  }),
});

interface Item {
  chat: ReturnType<typeof chatOfHead>;
  state: ChatStateShape;
}

interface Page {
  position: InboxPosition;
  items: Item[];
  next: string | undefined;
}

const InboxItemType = builder.objectRef<Item>('InboxItem').implement({
  description: 'One of your chats.',
  fields: (t) => ({
    chat: t.field({ type: Chat, description: 'The chat.', resolve: ({ chat }) => chat }),
    state: t.expose('state', { type: ChatState, description: 'What the chat is to you.' }),
  }),
});

const InboxPageType = builder.objectRef<Page>('InboxPage').implement({
  description: 'A part of your inbox.',
  fields: (t) => ({
    position: t.string({
      description:
        'Subscribe to `inbox` after the position of the first page, and drop events that are not above `chat.cursor`.',
      resolve: ({ position }) => formatPosition(position),
    }),
    // The query's own complexity has multiplied it by the page's length already.
    items: t.expose('items', {
      type: [InboxItemType],
      description: 'The chats, the one with the newest message first.',
      complexity: { field: 1, multiplier: 1 },
    }),
    next: t.exposeString('next', { nullable: true, description: 'Pass it as `after` to get the next page.' }),
  }),
});

builder.queryField('inbox', (t) =>
  t.field({
    type: InboxPageType,
    description: 'Your chats, the one with the newest message first. An admin’s inbox has the admin’s own chats.',
    authScopes: { user: true },
    args: {
      first: t.arg.int({ defaultValue: DEFAULT_PAGE, description: `The most chats to return, 1 to ${MAX_PAGE}.` }),
      after: t.arg.string({ description: 'The `next` of the previous page.' }),
      hidden: t.arg.boolean({ defaultValue: false, description: 'The hidden chats alone, in place of the others.' }),
    },
    complexity: ({ first }) => listWeight(first, DEFAULT_PAGE, MAX_PAGE),
    resolve: async (_root, { first, after, hidden }, context): Promise<Page> => {
      const { services, caller } = context;
      const { id: userId } = userOf(caller.viewer);
      const request = {
        first: checkBetween('first', first ?? DEFAULT_PAGE, 1, MAX_PAGE),
        after: after ?? undefined,
        hidden: hidden ?? false,
        chats: caller.viewer?.chats,
      };
      const { position, chatIds, next } = await services.inbox.page(userId, request);
      const { access, chatStates } = loaders(context);
      const items = await Promise.all(
        chatIds.map(async (chatId) => {
          const [head, state] = await Promise.all([access.find(chatId), chatStates.load(chatId)]);
          // Left since the page was read.
          return head && state ? [{ chat: chatOfHead(head), state }] : [];
        }),
      );
      return { position, items: items.flat(), next };
    },
  }),
);

builder.subscriptionField('inbox', (t) =>
  t.field({
    type: InboxEvent,
    description:
      'What happens in all your chats, as one stream: joining a chat adds it, being removed is its last event. Without a position it ' +
      'begins now. Fails with CURSOR_RESET if the position is of another history.',
    args: {
      after: t.arg.string({ description: 'A position from this service.' }),
      maxMissed: t.arg.int({
        defaultValue: DEFAULT_MAX_MISSED,
        description: 'Of a chat in which you missed more changes, you get an InboxGap in their place. 0 to 5000.',
      }),
    },
    subscribe: (_root, { after, maxMissed }, context) =>
      openInbox(context, {
        after: after == null ? undefined : parsePosition(after),
        maxMissed: checkMaxMissed(maxMissed ?? DEFAULT_MAX_MISSED),
      }),
    resolve: (item) => item,
  }),
);

function isItem(item: unknown, type: InboxItem['type']): boolean {
  return typeof item === 'object' && item !== null && 'type' in item && item.type === type && 'position' in item;
}

import { badInput } from '../../../domain/errors.js';
import { extrasOf } from '../../../domain/log/chat-message.js';
import type { Thread as ThreadShape, ThreadState as ThreadStateShape } from '../../../domain/messages/threads.js';
import { requireScope } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { checkBetween, listWeight, MAX_SEQ } from '../paging.js';
import { SHARED } from '../shared.js';
import { Message, messageAt } from './message.js';
import { User } from './user.js';

const DEFAULT_PARTICIPANTS = 5;
const MAX_PARTICIPANTS = 50;
const DEFAULT_THREADS = 50;
const MAX_THREADS = 100;

const ThreadState = builder.objectRef<ThreadStateShape>('ThreadState').implement({
  description: 'What a thread is to you.',
  fields: (t) => ({
    following: t.exposeBoolean('following', {
      description: 'Whoever begins a thread, replies in it or is mentioned in it follows it.',
    }),
    readSeq: t.exposeInt('readSeq', { description: 'The number of the newest reply that you have read.' }),
    unread: t.exposeInt('unread', { description: 'Replies of others behind `readSeq`, at most 100.' }),
    unreadCapped: t.exposeBoolean('unreadCapped', { description: 'Whether there are more than `unread`.' }),
    mentions: t.exposeInt('mentions', { description: 'How many unread mentions of you it has, at most 100.' }),
  }),
});

export const Thread = builder.objectRef<ThreadShape>('Thread');

Thread.implement({
  description: 'A message and the replies to it.',
  authScopes: ({ chatId }, context) => loaders(context).access.reader(chatId),
  fields: (t) => ({
    root: t.field({
      type: Message,
      description: 'The message that it began with.',
      resolve: async ({ chatId, rootSeq }, _args, context) => {
        const root = await messageAt(chatId, rootSeq, context);
        if (!root) throw new Error(`The root ${rootSeq} of a thread of the chat ${chatId} is not there.`);
        return root;
      },
      extensions: SHARED,
    }),
    replyCount: t.exposeInt('replyCount', { description: 'The replies that are not deleted.', extensions: SHARED }),
    lastReply: t.field({
      type: Message,
      nullable: true,
      description: 'The newest reply that is not deleted.',
      resolve: ({ chatId, lastReplySeq }, _args, context) => messageAt(chatId, lastReplySeq || undefined, context),
      extensions: SHARED,
    }),
    cursor: t.string({
      description: 'Pass it as `after` to `threads` to get the threads behind this one.',
      resolve: ({ lastReplySeq }) => String(lastReplySeq),
      extensions: SHARED,
    }),
    participants: t.field({
      type: [User],
      description: 'Who replied last, the newest first, among the senders of the newest 200 replies.',
      args: {
        first: t.arg.int({
          defaultValue: DEFAULT_PARTICIPANTS,
          description: `The most users to return, 1 to ${MAX_PARTICIPANTS}.`,
        }),
      },
      complexity: ({ first }) => listWeight(first, DEFAULT_PARTICIPANTS, MAX_PARTICIPANTS),
      resolve: (thread, { first }, context) =>
        loaders(context).threads.participants(
          thread,
          checkBetween('first', first ?? DEFAULT_PARTICIPANTS, 1, MAX_PARTICIPANTS),
        ),
      extensions: SHARED,
    }),
    viewer: t.field({
      type: ThreadState,
      nullable: true,
      description: 'Null when you are no member of the chat.',
      resolve: (thread, _args, context) => loaders(context).threads.state(thread),
    }),
  }),
});

builder.objectField(Message, 'thread', (t) =>
  t.field({
    type: Thread,
    nullable: true,
    description: 'The replies to this message in its thread; null for a message without any, and for a reply.',
    resolve: ({ chatId, seq, ...message }, _args, context) =>
      extrasOf(message).thread ? null : loaders(context).threads.at({ chatId, rootSeq: seq }),
    extensions: SHARED,
  }),
);

builder.queryField('threads', (t) =>
  t.field({
    type: [Thread],
    description: 'The threads of a chat that have replies, the one with the newest reply first.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      following: t.arg.boolean({ defaultValue: false, description: 'Only threads that you follow.' }),
      unread: t.arg.boolean({ defaultValue: false, description: 'Only threads with unread replies of others.' }),
      first: t.arg.int({
        defaultValue: DEFAULT_THREADS,
        description: `The most threads to return, 1 to ${MAX_THREADS}.`,
      }),
      after: t.arg.string({
        description:
          'The cursor of the last thread of the previous page. A thread that gets a reply meanwhile moves to the first page, so a ' +
          'later page may lack it; one whose newest reply is deleted meanwhile may come again.',
      }),
    },
    complexity: ({ first }) => listWeight(first, DEFAULT_THREADS, MAX_THREADS),
    resolve: async (_root, { chatId, following, unread, first, after }, context) => {
      const filter = {
        following: following ?? false,
        unread: unread ?? false,
        first: checkBetween('first', first ?? DEFAULT_THREADS, 1, MAX_THREADS),
        before: after == null ? undefined : parseThreadCursor(after),
      };
      await loaders(context).access.enter(chatId);
      const { services, caller, budget } = context;
      return (await budget.read(() => services.threads.list(caller.viewer, chatId, filter))) ?? [];
    },
  }),
);

function parseThreadCursor(after: string): number {
  const seq = /^\d{1,10}$/.test(after) ? Number(after) : Number.NaN;
  if (!(seq <= MAX_SEQ)) throw badInput('after', 'after must be the cursor of the last thread that you have.');
  return seq;
}

builder.mutationField('followThread', (t) =>
  t.field({
    type: Thread,
    description: 'Makes you follow the thread of a message, or stop. Members only.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      messageId: t.arg.id({ required: true, description: 'The root of the thread.' }),
      follow: t.arg.boolean({ required: true, description: 'True to follow it, false to stop.' }),
    },
    resolve: async (_root, { chatId, messageId, follow }, context) => {
      const viewer = requireScope(context.caller.viewer, 'write');
      await loaders(context).access.enter(chatId);
      const place = await context.services.threads.follow(viewer, chatId, messageId, follow);
      const thread = await loaders(context).threads.at(place);
      if (!thread) throw badInput('messageId', 'messageId must be the id of a message that has replies in a thread.');
      return thread;
    },
  }),
);

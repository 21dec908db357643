import {
  type ChatState as ChatStateShape,
  MAX_UNREAD,
  NOTIFY_ALL_MEMBERS,
  type Notify,
  type Unread as UnreadShape,
} from '../../../domain/mine/chat-states.js';
import { builder } from '../builder.js';
import { loaders } from '../loaders.js';
import { Chat } from './chat.js';
import { ChatRoleEnum } from './membership.js';

/** A state is counted from up to a hundred rows. */
const STATE_WEIGHT = 10;

export const NotifyEnum = builder.enumType('Notify', {
  description: 'Of which messages a member wants to be notified. The service keeps it for whatever notifies.',
  values: {
    all: { description: `Of all. The default in a chat of at most ${NOTIFY_ALL_MEMBERS} members.` },
    mentions: { description: 'Of mentions only. The default in a larger chat.' },
    none: { description: 'Of nothing.' },
  } as const satisfies Record<Notify, object>,
});

const Unread = builder.objectRef<UnreadShape>('Unread').implement({
  description:
    'What you have not read, counted when you ask. What others deleted and what you sent yourself does not count.',
  fields: (t) => ({
    messages: t.exposeInt('messages', {
      description: `Messages of the main timeline behind \`readSeq\`, at most ${MAX_UNREAD}.`,
    }),
    capped: t.exposeBoolean('capped', { description: 'Whether there are more than `messages`.' }),
    mentions: t.exposeInt('mentions', {
      description: `How many mentions of you the main timeline has behind \`readSeq\`, in messages and in edits; at most ${MAX_UNREAD}.`,
    }),
    threads: t.exposeInt('threads', {
      description: `Threads that you follow with unread replies, at most ${MAX_UNREAD}. They have markers of their own.`,
    }),
    firstSeq: t.exposeInt('firstSeq', { nullable: true, description: 'The number of the oldest unread message.' }),
  }),
});

export const ChatState = builder.objectRef<ChatStateShape>('ChatState').implement({
  description: 'What a chat is to you, its member.',
  fields: (t) => ({
    role: t.expose('role', { type: ChatRoleEnum, description: 'Your role in the chat.' }),
    readSeq: t.exposeInt('readSeq', {
      description: 'Your read marker: the newest number that you have read, 0 for none. Sending does not move it.',
    }),
    unread: t.expose('unread', { type: Unread, description: 'What you have not read.' }),
    notify: t.expose('notify', { type: NotifyEnum, description: 'Of what you want to be notified.' }),
    hidden: t.exposeBoolean('hidden', { description: 'Whether you have hidden the chat from your inbox.' }),
    mutedUntil: t.expose('mutedUntil', {
      type: 'DateTime',
      nullable: true,
      description: 'Null when you are not muted.',
    }),
  }),
});

builder.prismaObjectField(Chat, 'viewer', (t) =>
  t.field({
    type: ChatState,
    nullable: true,
    description: 'Null when you are no member of the chat.',
    complexity: STATE_WEIGHT,
    resolve: ({ id }, _args, context) => loaders(context).chatStates.load(id),
  }),
);

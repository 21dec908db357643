import { MAX_CHATS_READ } from '../../../domain/mine/markers.js';
import { requireViewer } from '../../../domain/viewer.js';
import { builder } from '../builder.js';
import { ChatState, NotifyEnum } from './chat-state.js';

builder.mutationFields((t) => ({
  markRead: t.field({
    type: ChatState,
    description:
      'Moves your read marker of a chat, or of a thread in it, forward, and says what the chat is to you then. A marker that is there ' +
      'or beyond stays, so calls may come in any order. A marker is written at most once a second: a call may take as long. Members only.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      seq: t.arg.int({ required: true, description: 'What has this number or a lower one is read.' }),
      thread: t.arg.id({ description: 'The root of a thread. Without it the marker is that of the main timeline.' }),
    },
    resolve: (_root, input, { services, caller }) => services.markers.markRead(requireViewer(caller.viewer), input),
  }),
  markUnread: t.field({
    type: ChatState,
    description: 'Moves your read marker of the main timeline back. One that is lower stays. Members only.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      fromSeq: t.arg.int({ required: true, description: 'The first number that is not read then.' }),
    },
    resolve: (_root, { chatId, fromSeq }, { services, caller }) =>
      services.markers.markUnread(requireViewer(caller.viewer), chatId, fromSeq),
  }),
  markAllRead: t.boolean({
    description:
      'Moves your read markers of chats, and of the threads in them that you follow, to what is newest. If you are no member of one of ' +
      'the chats, it fails with NOT_FOUND and moves none.',
    authScopes: { user: true },
    args: {
      chatIds: t.arg.idList({
        description: `At most ${MAX_CHATS_READ} chats. Without it: all that you are a member of.`,
      }),
    },
    resolve: async (_root, { chatIds }, { services, caller }) => {
      await services.markers.markAllRead(requireViewer(caller.viewer), chatIds ?? undefined);
      return true;
    },
  }),
  setChatPreferences: t.field({
    type: ChatState,
    description: 'Sets how a chat is shown to you. What you leave out stays. Members only.',
    authScopes: { user: true },
    args: {
      chatId: t.arg.id({ required: true, description: 'The chat.' }),
      notify: t.arg({ type: NotifyEnum, description: 'Null: the default of a chat of its size.' }),
      hidden: t.arg.boolean({ description: 'Whether your inbox leaves the chat out.' }),
    },
    resolve: (_root, { chatId, notify, hidden }, { services, caller }) =>
      services.chatPreferences.set(requireViewer(caller.viewer), { chatId, notify, hidden: hidden ?? undefined }),
  }),
}));

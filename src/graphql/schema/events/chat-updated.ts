import type { EventOf } from '../../../domain/log/chat-events.js';
import { builder } from '../builder.js';
import { SHARED } from '../shared.js';
import { Chat, enterChat } from '../types/chat.js';
import { ChatEvent } from './chat-event.js';

export const ChatUpdated = builder.objectRef<EventOf<'chat.updated'>>('ChatUpdated').implement({
  description: 'Settings of the chat are others. Those of one call are one event.',
  interfaces: [ChatEvent],
  fields: (t) => ({
    chat: t.field({
      type: Chat,
      description: 'The chat as it is now.',
      resolve: ({ chatId }, _args, context) => enterChat(context, chatId),
      extensions: SHARED,
    }),
    changed: t.stringList({
      description: 'What has changed, by the names of the arguments of `updateChat`, and `archived`.',
      resolve: ({ changed }) => [...changed],
      extensions: SHARED,
    }),
  }),
});

import type { EventOf } from '../../../domain/log/chat-events.js';
import { builder } from '../builder.js';
import { SHARED } from '../shared.js';
import { Message } from '../types/message.js';
import { ChatEvent } from './chat-event.js';

export const MessageCreated = builder.objectRef<EventOf<'message.created'>>('MessageCreated').implement({
  description: 'Somebody sent a message.',
  interfaces: [ChatEvent],
  fields: (t) => ({
    message: t.expose('message', {
      type: Message,
      description: 'The message as it is now: it may be edited or deleted already.',
      extensions: SHARED,
    }),
  }),
});

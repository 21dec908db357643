import type { EventOf } from '../../../domain/log/chat-events.js';
import { builder } from '../builder.js';
import { SHARED } from '../shared.js';
import { Message } from '../types/message.js';
import { ChatEvent } from './chat-event.js';

export const MessageEdited = builder.objectRef<EventOf<'message.edited'>>('MessageEdited').implement({
  description: 'A message was edited. `message` is as it is now.',
  interfaces: [ChatEvent],
  fields: (t) => ({
    message: t.expose('message', { type: Message, description: 'The message as it is now.', extensions: SHARED }),
  }),
});

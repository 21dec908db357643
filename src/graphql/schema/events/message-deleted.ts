import type { EventOf } from '../../../domain/log/chat-events.js';
import { builder } from '../builder.js';
import { SHARED } from '../shared.js';
import { Message } from '../types/message.js';
import { ChatEvent } from './chat-event.js';

export const MessageDeleted = builder.objectRef<EventOf<'message.deleted'>>('MessageDeleted').implement({
  description: 'A message was deleted. `message` is what is left of it: its content is empty.',
  interfaces: [ChatEvent],
  fields: (t) => ({
    message: t.expose('message', { type: Message, description: 'What is left of it.', extensions: SHARED }),
  }),
});

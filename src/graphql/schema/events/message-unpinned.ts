import type { EventOf } from '../../../domain/log/chat-events.js';
import { builder } from '../builder.js';
import { SHARED } from '../shared.js';
import { Message } from '../types/message.js';
import { ChatEvent } from './chat-event.js';

export const MessageUnpinned = builder.objectRef<EventOf<'message.unpinned'>>('MessageUnpinned').implement({
  description: 'A message is no longer pinned in the chat.',
  interfaces: [ChatEvent],
  fields: (t) => ({
    message: t.expose('message', {
      type: Message,
      description: 'The message as it is now: it may be pinned again already.',
      extensions: SHARED,
    }),
  }),
});

import type { EventOf } from '../../../domain/log/chat-events.js';
import { builder } from '../builder.js';
import { SHARED } from '../shared.js';
import { Message } from '../types/message.js';
import { ChatEvent } from './chat-event.js';

export const ReactionsChanged = builder.objectRef<EventOf<'message.reactions'>>('ReactionsChanged').implement({
  description:
    'The reactions to a message changed. `message` has them all. `actor` is null when several users reacted.',
  interfaces: [ChatEvent],
  fields: (t) => ({
    message: t.expose('message', {
      type: Message,
      description: 'The message, with the reactions that it has now.',
      extensions: SHARED,
    }),
  }),
});

import type { EventOf } from '../../../domain/log/chat-events.js';
import { builder } from '../builder.js';
import { ChatEvent } from './chat-event.js';

export const ChatDeleted = builder.objectRef<EventOf<'chat.deleted'>>('ChatDeleted').implement({
  description: 'The chat was deleted. The last event of every stream of it.',
  interfaces: [ChatEvent],
});

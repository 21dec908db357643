import type { ChatEvent as ChatEventShape } from '../../../domain/log/chat-events.js';
import { builder } from '../builder.js';

/** The interface of every kind of event. `types.ts` implements it. */
export const ChatEvent = builder.interfaceRef<ChatEventShape>('ChatEvent');

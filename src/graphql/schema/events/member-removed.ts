import type { EventOf } from '../../../domain/log/chat-events.js';
import { builder } from '../builder.js';
import { SHARED } from '../shared.js';
import { User } from '../types/user.js';
import { ChatEvent } from './chat-event.js';

export const MemberRemoved = builder.objectRef<EventOf<'member.removed'>>('MemberRemoved').implement({
  description: 'A membership ended. The user gets no event of the chat after this one, unless they are an admin.',
  interfaces: [ChatEvent],
  fields: (t) => ({ user: t.expose('user', { type: User, extensions: SHARED }) }),
});
